"""The protocol as a JSON Schema and as TypeScript, both made from the structs.

`python -m chat.protocol.schema` writes them; `--check` only says whether they are up to date.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, get_args

import msgspec
from msgspec import inspect

from chat.protocol import SUBPROTOCOL, codec, events

ROOT = Path(__file__).resolve().parents[2]
SCHEMA_PATH = ROOT / "docs" / "protocol.schema.json"
TYPES_PATH = ROOT / "frontend" / "src" / "models" / "protocol.generated.ts"

COMMANDS: tuple[type[msgspec.Struct], ...] = get_args(codec.AnyCommand)
EVENTS: tuple[type[msgspec.Struct], ...] = tuple(events.Event.__subclasses__())


def json_schema() -> dict[str, Any]:
    """The schema of every frame, JSON Schema 2020-12: `commands` in, `events` out."""
    _, components = msgspec.json.schema_components(
        [*COMMANDS, *EVENTS], ref_template="#/$defs/{name}"
    )

    def any_of(kinds: tuple[type[msgspec.Struct], ...]) -> dict[str, Any]:
        return {"anyOf": [{"$ref": f"#/$defs/{kind.__name__}"} for kind in kinds]}

    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Frames of the browser socket, {SUBPROTOCOL}",
        "$defs": {**components, "commands": any_of(COMMANDS), "events": any_of(EVENTS)},
    }


def typescript() -> str:
    """The same types for the page."""
    kinds = inspect.multi_type_info([*COMMANDS, *EVENTS])
    structs: dict[str, inspect.StructType] = {}
    for kind in kinds:
        _collect(kind, structs)
    blocks = [
        f"/** The frames of the browser socket, {SUBPROTOCOL}. Made by `make protocol`. */",
        *(_interface(structs[name]) for name in sorted(structs)),
        _union("Command", COMMANDS),
        _union("Event", EVENTS),
    ]
    return "\n\n".join(blocks) + "\n"


def _collect(kind: inspect.Type, structs: dict[str, inspect.StructType]) -> None:
    if isinstance(kind, inspect.StructType):
        structs[kind.cls.__name__] = kind
        for field in kind.fields:
            _collect(field.type, structs)
    elif isinstance(kind, inspect.UnionType):
        for each in kind.types:
            _collect(each, structs)
    elif isinstance(kind, inspect.VarTupleType):
        _collect(kind.item_type, structs)


def _interface(kind: inspect.StructType) -> str:
    summary = (kind.cls.__doc__ or "").split("\n\n")[0].replace("\n    ", " ")
    lines = [f"/** {summary} */", f"export interface {kind.cls.__name__} {{"]
    if kind.tag is not None:
        lines.append(f'  type: "{kind.tag}";')
    for field in kind.fields:
        mark = "" if field.required else "?"
        lines.append(f"  {field.encode_name}{mark}: {_type_name(field.type)};")
    return "\n".join([*lines, "}"])


def _type_name(kind: inspect.Type) -> str:
    match kind:
        case inspect.StructType():
            return kind.cls.__name__
        case inspect.UnionType():
            return " | ".join(_type_name(each) for each in kind.types)
        case inspect.LiteralType():
            return " | ".join(json.dumps(value) for value in kind.values)
        case inspect.VarTupleType():
            return f"readonly {_type_name(kind.item_type)}[]"
        case inspect.DictType():
            return "Record<string, unknown>"
        case inspect.NoneType():
            return "null"
        case inspect.IntType() | inspect.FloatType():
            return "number"
        case inspect.StrType() | inspect.UUIDType() | inspect.DateTimeType():
            return "string"
        case inspect.BoolType():
            return "boolean"
    raise TypeError(f"No TypeScript for {kind!r}")


def _union(name: str, kinds: tuple[type[msgspec.Struct], ...]) -> str:
    return f"export type {name} =\n  | " + "\n  | ".join(kind.__name__ for kind in kinds) + ";"


def published() -> dict[Path, str]:
    """Each published file and what it must contain."""
    return {
        SCHEMA_PATH: json.dumps(json_schema(), indent=2, sort_keys=True) + "\n",
        TYPES_PATH: typescript(),
    }


def main() -> int:
    """Write the files, or with `--check` say which are stale. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    stale = [path for path, text in published().items() if not _holds(path, text)]
    for path in stale:
        if not check:
            path.write_text(published()[path])
        sys.stdout.write(f"{'stale' if check else 'written'}: {path.relative_to(ROOT)}\n")
    return 1 if check and stale else 0


def _holds(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text


if __name__ == "__main__":
    raise SystemExit(main())
