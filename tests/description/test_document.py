"""The published description is what the code says, whole, and without loose ends."""

import json
import re

import pytest
from jsonschema import Draft202012Validator

from chat.api import api
from chat.completions.requests import CompletionRequest
from chat.description import describe, encoded
from chat.description.page_table import PAGE_DOORS
from chat.openai.routing import DOORS
from tests.description.described import PUBLISHED, Operation, published
from tests.processes import ROOT

TOLD = published()


def ids(operation: Operation) -> str:
    return operation.id


def test_the_published_file_is_up_to_date() -> None:
    assert PUBLISHED.read_text() == encoded(describe()), "run `make protocol`"


def test_every_door_of_programs_is_described() -> None:
    paths = TOLD.document["paths"]
    for path, methods in DOORS.items():
        assert {method.lower() for method in methods} <= set(paths[path])
    doors = {
        (method, f"/api{prefix}{path}")
        for prefix, router in api._routers
        for path, view in router.path_operations.items()
        for operation in view.operations
        for method in operation.methods
    }
    assert doors == set(PAGE_DOORS), "words in chat/description/page_table.py"
    assert {"/v1/models/{model}", "/api/chat/stream", "/health", "/ready"} <= set(paths)


def test_every_path_is_told_of_in_the_overview() -> None:
    overview = (ROOT / "docs" / "api.md").read_text().partition("## Which door")[0]
    for path in TOLD.document["paths"]:
        # Of what has more below it, the beginning.
        beginning = path if path.startswith("/v1/") else "/".join(path.split("/")[:3])
        assert f"{beginning}`" in overview or f"{path}`" in overview, path


def test_each_operation_has_an_id_of_its_own() -> None:
    names = [operation.id for operation in TOLD.operations]
    assert len(set(names)) == len(names) > 25
    assert {"createChatCompletion", "listModels", "streamAnswer", "makeBatch"} <= set(names)


def test_every_reference_leads_somewhere() -> None:
    components = TOLD.document["components"]
    for kind, name in re.findall(r'"#/components/(\w+)/([\w-]+)"', json.dumps(TOLD.document)):
        assert name in components[kind]


def test_every_schema_is_one() -> None:
    for schema in TOLD.document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("operation", TOLD.operations, ids=ids)
def test_an_operation_says_who_may_call_it_and_how_it_refuses(operation: Operation) -> None:
    schemes = set(TOLD.document["components"]["securitySchemes"])
    for each in operation.said["security"]:
        assert set(each) <= schemes
    assert operation.said["summary"]
    assert operation.said["tags"][0] in {tag["name"] for tag in TOLD.document["tags"]}
    if not operation.is_open:
        assert {"401", "403", "404", "500", "503"} <= set(operation.said["responses"])


def test_every_parameter_of_a_completion_is_described() -> None:
    schema = TOLD.document["components"]["schemas"]["CompletionRequest"]
    assert set(schema["properties"]) == set(CompletionRequest.__struct_fields__)
    assert schema["additionalProperties"] is False


def test_examples_fit_their_schemas() -> None:
    found = 0
    for operation in TOLD.operations:
        for kind, body in operation.examples():
            if kind == "application/json":
                schema = operation.said["requestBody"]["content"][kind]["schema"]
                whole = {**schema, "components": TOLD.document["components"]}
                Draft202012Validator(whole).validate(body)
                found += 1
    assert found >= 8
