"""The house itself: floors, sizes of rooms, no drawers, no addresses of package registries."""

import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.processes import ROOT

MOST_LINES = 250
DRAWERS = {"utils", "helpers", "common", "misc", "core", "manager"}
TOP_LEVEL = {
    ".ci",
    ".editorconfig",
    ".gitignore",
    ".gitattributes",
    "CHANGELOG.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "accounts",
    "billing",
    "chat",
    "config",
    "deploy",
    "docs",
    "frontend",
    "manage.py",
    "pyproject.toml",
    "requirements",
    "templates",
    "tests",
}
# In two parts, so that this file itself names no registry.
WELL_KNOWN_REGISTRIES = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("proxy.golang", "org"),
        ("crates", "io"),
    )
)

ADDRESS = re.compile(r"https?://[^\s'\",]+")
SETS_A_REGISTRY = re.compile(r"INDEX_URL|REGISTRY|UV_INDEX|UV_DEFAULT_INDEX", re.IGNORECASE)
PACKAGE_CLIENT_FILES = (
    Path.home() / ".config/uv/uv.toml",
    Path.home() / ".npmrc",
    Path("/etc/uv/uv.toml"),
)


def committed() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
    ).stdout.decode()
    paths = [ROOT / name for name in listed.split("\0") if name]
    return [path for path in paths if path.is_file()]


def modules() -> list[Path]:
    return [path for path in committed() if path.suffix in (".py", ".ts", ".mjs")]


def registry_hosts() -> set[str]:
    """The registries that everybody knows, and those which this machine is set to use."""
    said = [value for name, value in os.environ.items() if SETS_A_REGISTRY.search(name)]
    for file in PACKAGE_CLIENT_FILES:
        if file.is_file():
            said.append(file.read_text(errors="replace"))
    for command in (["npm", "config", "get", "registry"], ["pip", "config", "list"]):
        if shutil.which(command[0]):
            # From outside the checkout, whose own .npmrc would answer.
            done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT.parent)
            said.append(done.stdout)
    found = {urlsplit(url).hostname or "" for text in said for url in ADDRESS.findall(text)}
    named = {host for host in found if "." in host and not host.startswith("127.")}
    return named | set(WELL_KNOWN_REGISTRIES)


def test_no_committed_file_names_a_package_registry() -> None:
    hosts = {host.encode() for host in registry_hosts()}
    found = [
        f"{path.relative_to(ROOT)}: {host.decode()}"
        for path in committed()
        for host in hosts
        if host in path.read_bytes()
    ]
    assert found == []


def test_every_pinned_package_has_a_hash() -> None:
    for name in ("run", "dev", "model", "node", "interoperability", "mutation"):
        text = (ROOT / "requirements" / f"{name}.txt").read_text()
        pins = re.findall(r"^\S+==\S+", text, re.MULTILINE)
        blocks = re.findall(
            r"^\S+==[^\n]*\\\n(?:    --hash=sha256:[0-9a-f]{64}[^\n]*\n)+", text, re.MULTILINE
        )
        assert len(pins) == len(blocks) > 0, name


def test_modules_stay_small() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in modules()
        if (lines := len(path.read_text().splitlines())) > MOST_LINES
        and "migrations" not in path.parts
        and ".generated." not in path.name
    }
    assert long == {}


def test_nothing_is_a_drawer() -> None:
    found = [
        str(path.relative_to(ROOT))
        for path in committed()
        if DRAWERS.intersection([*path.relative_to(ROOT).parts[:-1], path.stem])
    ]
    assert found == []


def test_the_top_level_holds_what_belongs_there() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in committed()} <= TOP_LEVEL


def test_imports_point_downward() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command as c; c()",
            "--no-cache",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_the_floors_are_all_under_contract() -> None:
    contracts = (ROOT / "pyproject.toml").read_text().count("[[tool.importlinter.contracts]]")
    assert contracts >= 4


@pytest.mark.parametrize("name", ["pytest.ini", "setup.cfg", "tox.ini"])
def test_tools_are_set_up_in_one_place(name: str) -> None:
    assert not (ROOT / name).exists()


def test_the_editor_agrees_with_the_formatter() -> None:
    text = (ROOT / ".editorconfig").read_text()
    settings = configparser.ConfigParser()
    settings.read_string("[top]\n" + text)
    assert settings["*.py"]["max_line_length"] == "100"
