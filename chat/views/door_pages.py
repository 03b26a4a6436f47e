"""The description of the doors as a page shows it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from chat.description import described
from chat.views.door_examples import Example, examples_of

Json = Mapping[str, Any]
LONGEST_WORDS = 300


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter, or a field of a body. `place` is path, query, header or body."""

    name: str
    place: str
    kind: str
    is_required: bool
    description: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a status means."""

    status: str
    description: str
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ShownDoor:
    """A door with all that is known of it. `who` are the names of ways to prove oneself."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    who: tuple[str, ...]
    fields: tuple[Field, ...]
    answers: tuple[Answer, ...]
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Doors that belong together."""

    name: str
    description: str
    doors: tuple[ShownDoor, ...]


@lru_cache(maxsize=16)
def groups(address: str) -> tuple[Group, ...]:
    """All doors by tag, with examples for the site at `address` (`https://chat.example.org`)."""
    document = described()
    doors: dict[str, list[ShownDoor]] = {tag["name"]: [] for tag in document["tags"]}
    for path, methods in document["paths"].items():
        for method, said in methods.items():
            shown = _door(document, method.upper(), path, said, address)
            doors[said["tags"][0]].append(shown)
    return tuple(
        Group(tag["name"], tag["description"], tuple(doors[tag["name"]]))
        for tag in document["tags"]
    )


def _door(document: Json, method: str, path: str, said: Json, address: str) -> ShownDoor:
    return ShownDoor(
        id=said["operationId"],
        method=method,
        path=path,
        summary=said["summary"],
        description=said["description"],
        who=tuple(name for each in said["security"] for name in list(each)[:1]),
        fields=(*_parameters(document, said), *_body_fields(document, said)),
        answers=tuple(
            Answer(status, each["description"], tuple(each.get("content", {})))
            for status, each in said["responses"].items()
        ),
        examples=examples_of(method, path, said, address),
    )


def _parameters(document: Json, said: Json) -> Iterator[Field]:
    for parameter in said["parameters"]:
        told = _resolved(document, parameter)
        yield Field(
            told["name"],
            told["in"],
            kind_of(told["schema"]),
            told.get("required", False),
            told.get("description", ""),
        )


def _body_fields(document: Json, said: Json) -> Iterator[Field]:
    content = said.get("requestBody", {}).get("content", {})
    if "application/json" not in content:
        return
    schema = _resolved(document, content["application/json"]["schema"])
    for name, each in schema.get("properties", {}).items():
        required = name in schema.get("required", ())
        yield Field(name, "body", kind_of(each), required, each.get("description", ""))


def _resolved(document: Json, told: Json) -> Json:
    while "$ref" in told:
        _, _, kind, name = told["$ref"].split("/")
        told = document["components"][kind][name]
    return told


def kind_of(schema: Json) -> str:
    """What a value is, in a few words: `string`, `integer, at least 1`, `one of "a", "b"`."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "enum" in schema:
        return "one of " + ", ".join(json.dumps(each) for each in schema["enum"])
    if "const" in schema:
        return json.dumps(schema["const"])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(kind_of(each) for each in schema["anyOf"]))
    kinds = schema.get("type", "any JSON")
    kind = " or ".join(kinds) if isinstance(kinds, list) else str(kinds)
    if kind == "array":
        return f"list of {kind_of(schema.get('items', {}))}"
    bounds = [
        words.format(schema[name])
        for name, words in (
            ("minimum", "at least {}"),
            ("maximum", "at most {}"),
            ("maxLength", "at most {} characters"),
        )
        if name in schema
    ]
    named = schema.get("format", kind) if kind == "string" else kind
    return ", ".join([named, *bounds])[:LONGEST_WORDS]
