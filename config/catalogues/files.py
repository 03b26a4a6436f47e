"""The catalogues on disk: `config/locale/<locale>/LC_MESSAGES/<domain>.po`, and their `.mo`."""

import io
import os
from collections.abc import Iterator
from pathlib import Path

from babel.core import Locale
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from config.catalogues.sources import PAGE, SERVER
from config.options import BASE_DIR

LOCALE_DIR = BASE_DIR / "config" / "locale"
LOCALES = ("vi", "zh_Hans")
"""Every language of `settings.LANGUAGES` but English, whose texts are the message ids."""
WIDTH = 100

HEADER = """\
# Tram in {language}. The msgstr are written by hand; `make catalogues` adds and removes entries.
# docs/translating.md tells which words to use.
msgid ""
msgstr ""
"Language: {locale}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: {plural_forms}\\n"

"""


def place_of(locale: str, domain: str, folder: Path = LOCALE_DIR) -> Path:
    """Return where the catalogue of `domain` in `locale` is kept."""
    return folder / locale / "LC_MESSAGES" / f"{domain}.po"


def all_catalogues() -> Iterator[tuple[str, str]]:
    """Yield (locale, domain) of every catalogue that there must be."""
    for locale in LOCALES:
        for domain in (SERVER, PAGE):
            yield locale, domain


def load(path: Path, locale: str) -> Catalog:
    """Read a catalogue; one that is not there yet is empty."""
    if not path.exists():
        return Catalog(locale=locale)
    with path.open("rb") as file:
        return read_po(file, locale=locale)


def text_of(catalog: Catalog) -> str:
    """Return the file that keeps `catalog`: no dates or line numbers, which only make noise."""
    entries = io.BytesIO()
    write_po(entries, catalog, WIDTH, omit_header=True, sort_by_file=True, include_lineno=False)
    header = HEADER.format(
        language=Locale.parse(str(catalog.locale)).english_name,
        locale=catalog.locale,
        plural_forms=catalog.plural_forms,
    )
    return header + entries.getvalue().decode().strip() + "\n"


def compile_all(folder: Path = LOCALE_DIR) -> None:
    """Compile each catalogue that is newer than its compiled form, which is what Django reads."""
    for source in folder.rglob("*.po"):
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
            continue
        # Whole or not at all: another process may be reading, or compiling too.
        unfinished = target.with_suffix(f".{os.getpid()}.mo")
        with unfinished.open("wb") as compiled:
            write_mo(compiled, load(source, source.parts[-3]))
        unfinished.replace(target)
