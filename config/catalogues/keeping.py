"""Keep the catalogues true to the sources: add what is new, drop what is gone, name faults."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message

from config.catalogues.files import LOCALE_DIR, all_catalogues, load, place_of, text_of
from config.catalogues.sources import found

FIELD = re.compile(r"%\(\w+\)[sd]|%[sd%]|\{\w+\}")
TAG = re.compile(r"</?[a-z][^>]*>")


def update(folder: Path = LOCALE_DIR) -> list[Path]:
    """Write into each catalogue exactly the texts of the sources, and return those that changed.

    Translations of texts that stay are kept; a new text stands there without one.
    """
    changed = []
    for locale, domain in all_catalogues():
        path = place_of(locale, domain, folder)
        text = text_of(_merged(found(domain), load(path, locale)))
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        changed.append(path)
    return changed


def faults(folder: Path = LOCALE_DIR) -> Iterator[str]:
    """Yield a line for each missing, untranslated, unsure or stale text, and each field lost."""
    for locale, domain in all_catalogues():
        wanted = {_key(message): message for message in found(domain) if message.id}
        catalog = load(place_of(locale, domain, folder), locale)
        kept = {_key(message): message for message in catalog if message.id}
        where = f"{locale}/{domain}"
        for key in wanted.keys() - kept.keys():
            yield f"{where}: missing: {_shown(wanted[key])}"
        for key in kept.keys() - wanted.keys():
            yield f"{where}: no source has it any more: {_shown(kept[key])}"
        if catalog.obsolete:
            yield f"{where}: {len(catalog.obsolete)} entries are commented out"
        for key in kept.keys() & wanted.keys():
            for fault in faults_of(kept[key], catalog.num_plurals):
                yield f"{where}: {fault}: {_shown(kept[key])}"


def faults_of(message: Message, plural_forms: int) -> Iterator[str]:
    """Yield what is wrong with one translation, in a language with so many plural forms."""
    translations = _forms(message.string)
    if not all(translations):
        yield "not translated"
        return
    if message.fuzzy:
        yield "marked as unsure"
    if len(translations) != (plural_forms if message.pluralizable else 1):
        yield "plural forms do not fit the language"
    # What is said of many is said in every language; English alone leaves fields out of one.
    original = _forms(message.id)[-1]
    for translation in translations:
        for kind, pattern in (("fields", FIELD), ("tags", TAG)):
            if Counter(pattern.findall(translation)) != Counter(pattern.findall(original)):
                yield f"{kind} differ"
        if _ends(translation) != _ends(original):
            yield "space at an end differs"


def _merged(wanted: Catalog, kept: Catalog) -> Catalog:
    merged = Catalog(locale=kept.locale)
    for message in wanted:
        if not message.id:
            continue
        known = kept.get(message.id, message.context)
        merged.add(
            message.id,
            known.string if known else None,
            locations=sorted(set(message.locations)),
            flags=message.flags | (known.flags if known else set()),
            auto_comments=message.auto_comments,
            user_comments=known.user_comments if known else (),
            context=message.context,
        )
    return merged


def _forms(text: Any) -> tuple[str, ...]:
    """Return the forms of a text that may count; Babel gives a tuple, a string or nothing."""
    return tuple(text) if isinstance(text, (tuple, list)) else (text or "",)


def _ends(text: str) -> tuple[bool, bool]:
    return text[:1].isspace(), text[-1:].isspace()


def _key(message: Message) -> tuple[str, str | None]:
    """What gettext knows a text by: its English singular and its context."""
    return _forms(message.id)[0], message.context


def _shown(message: Message) -> str:
    return repr(_key(message)[0])
