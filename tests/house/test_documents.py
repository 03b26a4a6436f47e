"""The documents tell the truth: settings, commands, make targets and links."""

import re
import subprocess
from dataclasses import fields
from pathlib import Path
from urllib.parse import unquote

import pytest
from django.core.management import get_commands

from chat.api import api
from config.options import GROUPS
from config.options.table import document
from tests.processes import ROOT

OURS = ("accounts", "billing", "chat")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
# Words of a workshop that a reader of the project knows nothing of.
FOREIGN_PATHS = tuple("/" + "/".join(parts) for parts in (("work", ""), ("root", "")))


def documents() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def text_of_documents() -> str:
    return "\n".join(path.read_text() for path in documents())


def commands() -> list[str]:
    return sorted(name for name, app in get_commands().items() if app in OURS)


def make_targets() -> list[str]:
    return re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_the_table_of_settings_is_the_code() -> None:
    assert (ROOT / "docs/settings.md").read_text() == document(), "run `make settings`"


def test_a_setting_is_used_or_says_that_it_is_reserved() -> None:
    sources = "\n".join(
        path.read_text() for folder in (*OURS, "config") for path in (ROOT / folder).rglob("*.py")
    )
    unused = [
        item.metadata["name"]
        for group in GROUPS
        for item in fields(group)
        if not re.search(rf"\.{item.name}\b", sources)
    ]
    reserved = [
        item.metadata["name"]
        for group in GROUPS
        for item in fields(group)
        if item.metadata["meaning"].startswith("Reserved: ")
    ]
    assert [name for name in unused if name not in reserved] == []


def test_there_are_commands_and_targets_to_document() -> None:
    assert {"serve", "demorelay"} <= set(commands())
    assert {"up", "test", "check"} <= set(make_targets())


def test_every_command_is_documented() -> None:
    told = text_of_documents()
    assert [name for name in commands() if f"manage.py {name}" not in told] == []


def test_every_door_of_the_api_is_documented() -> None:
    page = (ROOT / "docs/api.md").read_text()
    doors = [
        f"{method} /api{prefix}{path}"
        for prefix, router in api._routers
        for path, view in router.path_operations.items()
        for operation in view.operations
        for method in operation.methods
    ]
    assert len(doors) > 5
    assert [door for door in doors if f"`{door}`" not in page] == []


def test_every_make_target_is_documented() -> None:
    told = text_of_documents()
    assert [name for name in make_targets() if f"make {name}" not in told] == []


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    dead = []
    for target in LINK.findall(path.read_text()):
        if re.match(r"[a-z]+:", target) or target.startswith("#"):
            continue
        if not (path.parent / unquote(target.partition("#")[0])).exists():
            dead.append(target)
    assert dead == []


def test_the_readme_begins_with_what_it_takes() -> None:
    first_screen = "\n".join((ROOT / "README.md").read_text().splitlines()[:45])
    for words in ("make up", "HOLYSHEEP_API_KEY", "HOLYSHEEP_REST_URL"):
        assert words in first_screen


def test_no_document_speaks_of_a_place_that_readers_do_not_have() -> None:
    told = text_of_documents()
    assert [path for path in FOREIGN_PATHS if path in told] == []
