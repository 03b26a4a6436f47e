"""Every text is in every language, complete; and no text for people escapes the catalogues."""

import os
import re
import shutil
from gettext import GNUTranslations
from pathlib import Path

import django
import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po
from django.conf import settings
from django.utils import translation

from chat.views.catalogue import catalogue
from config.catalogues import borrowed, sources
from config.catalogues.files import (
    LOCALE_DIR,
    LOCALES,
    all_catalogues,
    compile_all,
    load,
    place_of,
    text_of,
)
from config.catalogues.keeping import faults, faults_of, update


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the catalogues to spoil."""
    return Path(shutil.copytree(LOCALE_DIR, tmp_path / "locale"))


def change(folder: Path, msgid: str, **spoiled: object) -> None:
    path = place_of("vi", sources.SERVER, folder)
    catalog = load(path, "vi")
    message = catalog.get(msgid)
    assert message is not None
    for name, value in spoiled.items():
        setattr(message, name, value)
    path.write_text(text_of(catalog))


def test_every_text_is_complete_in_every_language() -> None:
    assert sorted(faults()) == [], "run `make catalogues` and fill in what is new"


def test_every_language_of_the_site_has_its_catalogues() -> None:
    spoken = {translation.to_locale(code) for code, _name in settings.LANGUAGES}
    assert spoken == {"en", *LOCALES}
    assert all(place_of(*which).is_file() for which in all_catalogues())


def test_a_text_without_translation_is_a_fault(folder: Path) -> None:
    change(folder, "Sign in", string="")
    assert list(faults(folder)) == ["vi/django: not translated: 'Sign in'"]


def test_a_translation_marked_as_unsure_is_a_fault(folder: Path) -> None:
    change(folder, "Sign in", flags={"fuzzy"})
    assert list(faults(folder)) == ["vi/django: marked as unsure: 'Sign in'"]


def test_a_text_that_no_source_has_is_a_fault_until_updated(folder: Path) -> None:
    path = place_of("zh_Hans", sources.PAGE, folder)
    with path.open("a") as file:
        file.write('\nmsgid "Gone for ever"\nmsgstr "x"\n')
    told = "zh_Hans/djangojs: no source has it any more: 'Gone for ever'"
    assert list(faults(folder)) == [told]
    assert path in update(folder)
    assert list(faults(folder)) == []


def test_a_new_text_is_added_and_what_stays_is_kept(folder: Path) -> None:
    path = place_of("vi", sources.SERVER, folder)
    catalog = load(path, "vi")
    catalog.delete("Sign in")
    path.write_text(text_of(catalog))
    assert list(faults(folder)) == ["vi/django: missing: 'Sign in'"]
    update(folder)
    now = load(path, "vi")
    assert (now["Sign in"].string, now["Sign up"].string) == ("", "Đăng ký")


@pytest.mark.parametrize(
    ("english", "translated", "fault"),
    [
        ("%(name)s left", "%(nam)s", "fields differ"),
        ("{name} left", "name", "fields differ"),
        ("at most %d", "nhiều nhất", "fields differ"),
        ("<b>now</b>", "<b>now<b>", "tags differ"),
        (" and", "và", "space at an end differs"),
        (("%d key", "%d keys"), ("%d khóa", "%d khóa"), "plural forms do not fit the language"),
        (("one key", "%d keys"), ("khóa",), "fields differ"),
    ],
)
def test_what_a_translation_loses_is_a_fault(
    english: str | tuple[str, str], translated: str | tuple[str, ...], fault: str
) -> None:
    assert list(faults_of(Message(english, translated), 1)) == [fault]


def test_fields_may_change_their_order() -> None:
    assert not list(faults_of(Message("%(a)s of {b}", "{b}: %(a)s"), 1))


def found_in(texts: object) -> set[tuple[object, str | None]]:
    return {(text.message, text.context) for text in texts}  # type: ignore[attr-defined]


def test_python_texts_are_found() -> None:
    code = (
        'a = _("one")\nb = gettext_lazy(\n    "in "\n    "parts"\n)\n'
        'c = ngettext("a key", "%d keys", n)\nd = pgettext("month", "May")\ne = other("no")\n'
    )
    wanted = {("one", None), ("in parts", None), (("a key", "%d keys"), None), ("May", "month")}
    assert found_in(sources.in_python(code, "x.py")) == wanted


def test_template_texts_are_found() -> None:
    template = """
    {% load i18n %}
    <p title="{% translate 'a title' %}">not (this {% translate "May" context "month" %}
      {% blocktranslate trimmed with a=b %}
        two {{ a }}
          lines
      {% endblocktranslate %}
    {% blocktranslate count n=n %}one{% plural %}{{ n }} many{% endblocktranslate %}
    {% include "x.html" with name=_("given") %}
    {# {% translate "a comment" %} #}
    """
    wanted = {
        ("a title", None),
        ("May", "month"),
        ("two %(a)s lines", None),
        (("one", "%(n)s many"), None),
        ("given", None),
    }
    assert found_in(sources.in_template(template, "x.html")) == wanted


@pytest.mark.parametrize(
    ("domain", "text"),
    [
        (sources.SERVER, "Choose a model"),  # of a page
        (sources.SERVER, "Confirm your e-mail address"),  # of a mail
        (sources.SERVER, "Your role in this team does not allow this."),  # of Python
        (sources.PAGE, "Reconnecting…"),
    ],
)
def test_all_our_kinds_of_sources_are_read(domain: str, text: str) -> None:
    assert text in sources.found(domain)


def test_program_texts_are_found() -> None:
    code = (
        "const a = new Map<string, number>();\nsay(t('one {n}', { n }));\n"
        'tn(\n  "{count} word",\n  "{count} words",\n  count,\n);\nsplit("no"); /* t("no") */\n'
    )
    wanted = {("one {n}", None), (("{count} word", "{count} words"), None)}
    assert found_in(sources.in_program(code, "x.ts")) == wanted


def test_the_page_gets_its_texts_and_the_server_its_own() -> None:
    compile_all()
    assert catalogue("vi")["{count} token"] == "{count} token"
    assert catalogue("zh-hans")["Undo"] == "撤销"
    assert catalogue("en") == {}
    with translation.override("zh-hans"):
        assert translation.gettext("Change password") == "修改密码"


def said(*places: str) -> set[str]:
    """What packages mark for translation, by a catalogue of theirs that holds it all."""
    site = Path(django.__file__).parents[1]
    texts: set[str] = set()
    for place in places:
        with (site / place / "LC_MESSAGES/django.po").open("rb") as file:
            texts.update(str(forms(m)[0]) for m in read_po(file) if m.id)
    return texts


def forms(message: Message) -> tuple[str, ...]:
    return message.id if isinstance(message.id, tuple) else (str(message.id),)


def test_borrowed_words_are_still_said_by_the_packages() -> None:
    known = said(
        "django/conf/locale/en",
        "django/contrib/admin/locale/en",
        "django/contrib/auth/locale/en",
        "django/contrib/humanize/locale/en",
        "import_export/locale/zh_Hans",
        "allauth/locale/zh_Hans",
    )
    module = Path(borrowed.__file__)
    named = {
        text.message if isinstance(text.message, str) else text.message[0]
        for text in sources.in_python(module.read_text(), module.name)
    }
    assert len(named) > 50
    assert named - known == set()


def test_only_what_is_newer_is_compiled(folder: Path) -> None:
    for compiled in folder.rglob("*.mo"):
        compiled.unlink()
    compile_all(folder)
    first = {path: path.stat().st_mtime_ns for path in folder.rglob("*.mo")}
    assert len(first) == 4
    change(folder, "Sign in", string="Vào")
    source = place_of("vi", sources.SERVER, folder)
    later = source.with_suffix(".mo").stat().st_mtime + 10
    os.utime(source, (later, later))
    compile_all(folder)
    now = {path: path.stat().st_mtime_ns for path in folder.rglob("*.mo")}
    assert [path for path in now if now[path] != first[path]] == [source.with_suffix(".mo")]
    with source.with_suffix(".mo").open("rb") as file:
        assert GNUTranslations(file).gettext("Sign in") == "Vào"


def test_nothing_shouts() -> None:
    for locale, domain in all_catalogues():
        catalog: Catalog = load(place_of(locale, domain), locale)
        shouted = [m.id for m in catalog if m.id and re.search("[!！]", str(m.id) + str(m.string))]
        assert shouted == [], locale


def test_the_locale_folder_holds_nothing_else() -> None:
    held = set(LOCALE_DIR.rglob("*.po"))
    assert held == {place_of(*which) for which in all_catalogues()}
