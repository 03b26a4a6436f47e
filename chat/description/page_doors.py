"""The doors under `/api/`, described from the doors themselves: parameters and bodies are what
ninja checks, answers what the code says that it returns."""

from collections.abc import Iterator
from typing import Any, get_type_hints

import msgspec
from ninja import NinjaAPI, Schema
from ninja.operation import Operation

from chat.api import api
from chat.api.refusals import STATUSES
from chat.description.batch_bodies import BATCH_PARAMETERS, BATCH_SCHEMAS, batch_body
from chat.description.doors import Door, Json, json_content, reference, responses_of
from chat.description.page_table import PAGE_DOORS
from chat.description.schemas import schemas_of

PREFIX = "/api"
SAFE_METHODS = ("GET", "HEAD")
EVERYWHERE = (
    "bad_frame",
    "not_signed_in",
    "forbidden",
    "not_found",
    "internal_error",
    "restarting",
    "storage_unavailable",
)
KEY: Json = {"key": []}
SESSION: Json = {"session": []}
SESSION_AND_TOKEN: Json = {"session": [], "csrf": []}


REFUSAL: Json = {
    "type": "object",
    "description": "Why the doors under `/api/` refuse. `code` is stable, `message` is for people.",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "code": {"type": "string", "examples": ["not_found"]},
                "message": {"type": "string"},
                "detail": {"type": "object", "description": "Figures, or the `path` of a fault."},
            },
            "required": ["code", "message"],
            "additionalProperties": False,
        }
    },
    "required": ["error"],
    "additionalProperties": False,
}


def page_paths() -> Json:
    """Describe every door under `/api/`. Raises KeyError for one that `PAGE_DOORS` has no words
    for."""
    told = api.get_openapi_schema(path_prefix=f"{PREFIX}/")["paths"]
    paths: Json = {}
    for method, path, operation in _operations(api):
        known = told[path][method.lower()]
        paths.setdefault(path, {})[method.lower()] = _describe(
            method, PAGE_DOORS[method, path], operation, known["parameters"]
        )
    return paths


def page_schemas() -> Json:
    """The schemas of the answers, of the one refusal, and of a new batch."""
    answers = [kind for *_, operation in _operations(api) if (kind := _answer(operation))]
    # Doors that write their answer themselves return the same kinds as their neighbours.
    schemas = schemas_of(*answers)
    return {**schemas, **BATCH_SCHEMAS, "Refusal": REFUSAL}


def _operations(of: NinjaAPI) -> Iterator[tuple[str, str, Operation]]:
    for prefix, router in of._routers:
        for path, view in router.path_operations.items():
            for operation in view.operations:
                for method in operation.methods:
                    yield method, f"{PREFIX}{prefix}{path}", operation


def _describe(method: str, door: Door, operation: Operation, parameters: list[Json]) -> Json:
    said: Json = {
        "operationId": door.id,
        "tags": [door.tag],
        "summary": door.summary,
        "description": door.description or operation.description,
        "parameters": [_plain(each) for each in parameters],
        "security": _security(method, door.id),
    }
    if door.id == "makeBatch":
        said["parameters"] = BATCH_PARAMETERS
        said["requestBody"] = batch_body(door)
    elif (body := _body(operation)) is not None:
        content = json_content(_without_titles(body), door.examples)
        said["requestBody"] = {"required": True, "content": content}
    unsafe = method not in SAFE_METHODS
    codes = (*EVERYWHERE, *door.codes, *(("csrf_failed",) if unsafe else ()))
    refusals = responses_of(codes, STATUSES, "Refusal", {})
    said["responses"] = _answers(door.id, method, operation) | refusals
    return said


def _answers(door_id: str, method: str, operation: Operation) -> Json:
    kind = _answer(operation)
    if kind is not None:
        return {"200": {"description": "Done.", "content": json_content(_named(kind))}}
    if method == "DELETE":
        return {"204": {"description": "Done; there is nothing to say."}}
    if door_id == "makeBatch":
        view = json_content(reference("BatchView"))
        return {
            "200": {"description": "This batch was made before.", "content": view},
            "201": {"description": "The batch is made, and begins.", "content": view},
        }
    assert door_id == "getBatchResults", f"the answer of {door_id} is not described"
    file = {"schema": {"type": "string"}}
    return {
        "200": {
            "description": "The file, as an attachment.",
            "headers": {"Content-Disposition": {"schema": {"type": "string"}}},
            "content": {"application/x-ndjson": file, "text/csv": file},
        }
    }


def _answer(operation: Operation) -> Any:
    """The struct that a door returns; None for one that writes its answer itself."""
    kind = get_type_hints(operation.view_func)["return"]
    return kind if isinstance(kind, type) and issubclass(kind, msgspec.Struct) else None


def _named(kind: type) -> Json:
    return reference(kind.__name__)


def _body(operation: Operation) -> Json | None:
    """The schema of the body. What is read from the address is said so in its annotation."""
    for kind in get_type_hints(operation.view_func, include_extras=True).values():
        if isinstance(kind, type) and issubclass(kind, Schema):
            schema: Json = kind.model_json_schema()
            return schema
    return None


def _security(method: str, door_id: str) -> list[Json]:
    if door_id == "chooseTeam":
        return [SESSION_AND_TOKEN]
    return [KEY, SESSION if method in SAFE_METHODS else SESSION_AND_TOKEN]


def _plain(parameter: Json) -> Json:
    return {**parameter, "schema": _without_titles(parameter["schema"])}


def _without_titles(schema: Any) -> Any:
    """Drop the names that pydantic makes of fields: they say nothing new."""
    if isinstance(schema, list):
        return [_without_titles(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: _without_titles(value)
        for name, value in schema.items()
        if not (name == "title" and isinstance(value, str))
    }
