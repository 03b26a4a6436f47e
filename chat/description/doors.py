"""What a description says of a door: its stable id, its words, its refusals, its example."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Door:
    """A method at a path.

    `id` never changes once published: programs are generated from it. `codes` are the refusals that
    this door has beside those of its family. `examples` are requests that work, by name: a body,
    or for a door without one the values of its parameters.
    """

    id: str
    tag: str
    summary: str
    description: str = ""
    codes: tuple[str, ...] = ()
    examples: Mapping[str, Any] = field(default_factory=dict)


def responses_of(
    codes: Iterable[str],
    statuses: Mapping[str, int],
    schema: str,
    headers: Mapping[str, Json],
    names: Mapping[str, str] | None = None,
) -> Json:
    """Describe refusals: one response for each status, with the codes that have it.

    `schema` names the component that all have; `headers` come with each; `names` are what codes
    are called there, where that is something else.
    """
    by_status: dict[int, list[str]] = {}
    for code in sorted(set(codes)):
        named = by_status.setdefault(statuses.get(code, 400), [])
        if (name := (names or {}).get(code, code)) not in named:
            named.append(name)
    return {
        str(status): {
            "description": "Refused: " + ", ".join(f"`{code}`" for code in sorted(told)) + ".",
            "headers": dict(headers) | _headers_at(status),
            "content": {"application/json": {"schema": reference(schema)}},
        }
        for status, told in sorted(by_status.items())
    }


def _headers_at(status: int) -> Json:
    if status in (429, 502, 503):
        return {"Retry-After": header_reference("Retry-After")}
    return {}


def reference(schema: str) -> Json:
    """Point to a schema of the description."""
    return {"$ref": f"#/components/schemas/{schema}"}


def header_reference(name: str) -> Json:
    """Point to a header of the description."""
    return {"$ref": f"#/components/headers/{name}"}


def json_content(schema: Json, examples: Mapping[str, Any] | None = None) -> Json:
    """Describe a body of JSON, with examples by name."""
    content: Json = {"schema": schema}
    if examples:
        content["examples"] = {name: {"value": value} for name, value in examples.items()}
    return {"application/json": content}
