"""The environment, read once: each variable has a type, a unit, a default and a meaning.

A group of settings is a frozen dataclass whose fields are made by `variable`. `read` fills it from
the environment; `rows` lists it for the documents and their test.
"""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from math import isfinite
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from django.core.exceptions import ImproperlyConfigured

Group = TypeVar("Group")
TRUE_WORDS = ("1", "true", "yes", "on")
FALSE_WORDS = ("0", "false", "no", "off")


class SettingInvalid(ImproperlyConfigured):
    """An environment variable has a value that is not allowed."""

    code = "setting_invalid"

    def __init__(self, name: str, allowed: str) -> None:
        super().__init__(f"{name} must be {allowed}")
        self.name = name


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table of settings, as `docs/settings.md` shows it."""

    name: str
    kind: str
    unit: str
    default: str
    meaning: str


def variable(
    name: str,
    default: Any = MISSING,
    *,
    meaning: str,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    shown_default: str | None = None,
    secret: bool = False,
) -> Any:
    """Declare a setting: the variable's name, its default (none = required), bounds and meaning.

    `low` and `high` are inclusive and in `unit`; `shown_default` replaces the default in the
    documents where it depends on the machine. A `secret` is not in the group's repr.
    """
    details = {
        "name": name,
        "meaning": meaning,
        "unit": unit,
        "low": low,
        "high": high,
        "choices": choices,
        "shown_default": shown_default,
    }
    return field(default=default, metadata=details, repr=not secret)


def read(group: type[Group], environ: Mapping[str, str]) -> Group:
    """Fill `group` from `environ`; an empty variable counts as absent.

    Raises `SettingInvalid` with the variable's name and what is allowed.
    """
    kinds = get_type_hints(group)
    values: dict[str, Any] = {}
    for item in fields(group):  # type: ignore[arg-type]
        text = environ.get(item.metadata["name"], "").strip()
        if text:
            values[item.name] = _parse(text, kinds[item.name], item)
        elif item.default is MISSING:
            raise SettingInvalid(item.metadata["name"], f"set: {item.metadata['meaning']}")
    return group(**values)


def rows(group: type[Any]) -> Iterator[Row]:
    """List the settings of `group` in the order in which they are declared."""
    kinds = get_type_hints(group)
    for item in fields(group):
        yield Row(
            name=item.metadata["name"],
            kind=_kind_name(kinds[item.name], item.metadata["choices"]),
            unit=item.metadata["unit"],
            default=_default_text(item),
            meaning=item.metadata["meaning"],
        )


def _parse(text: str, kind: Any, item: "Field[Any]") -> Any:
    name = item.metadata["name"]
    if kind is bool:
        return _parse_switch(name, text)
    if kind in (int, float):
        return _parse_number(name, text, kind, item)
    if kind is Path:
        return Path(text).expanduser().absolute()
    if kind == tuple[str, ...]:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    choices = item.metadata["choices"]
    if choices and text not in choices:
        raise SettingInvalid(name, "one of " + ", ".join(choices))
    return text


def _parse_switch(name: str, text: str) -> bool:
    word = text.lower()
    if word not in TRUE_WORDS + FALSE_WORDS:
        raise SettingInvalid(name, "true or false")
    return word in TRUE_WORDS


def _parse_number(name: str, text: str, kind: type[float], item: "Field[Any]") -> float:
    low, high, unit = (item.metadata[key] for key in ("low", "high", "unit"))
    allowed = "a whole number" if kind is int else "a number"
    if unit:
        allowed += f" of {unit}"
    if low is not None:
        allowed += f", {low:g} at least" if high is None else f", {low:g} to {high:g}"
    try:
        number = kind(text)
    except ValueError:
        raise SettingInvalid(name, allowed) from None
    inside = (low is None or number >= low) and (high is None or number <= high)
    if not inside or not isfinite(number):
        raise SettingInvalid(name, allowed)
    return number


def _kind_name(kind: Any, choices: tuple[str, ...]) -> str:
    if choices:
        return "one of " + ", ".join(choices)
    names = {bool: "true or false", int: "whole number", float: "number", Path: "folder"}
    return names.get(kind, "text" if kind is str else "list, with commas")


def _default_text(item: "Field[Any]") -> str:
    shown = item.metadata["shown_default"]
    if shown is not None:
        return str(shown)
    if item.default is MISSING:
        return "required"
    if isinstance(item.default, bool):
        return str(item.default).lower()
    if isinstance(item.default, tuple):
        return ",".join(item.default)
    return str(item.default)
