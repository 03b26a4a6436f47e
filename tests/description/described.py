"""Reading the description: its operations, and whether an answer is as described."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from jsonschema import Draft202012Validator

from tests.processes import ROOT

PUBLISHED = ROOT / "docs" / "openapi.json"
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


@dataclass(frozen=True)
class Operation:
    """A method at a path, with what is said of it."""

    method: str
    path: str
    said: Mapping[str, Any]

    @property
    def id(self) -> str:
        return str(self.said["operationId"])

    @property
    def is_open(self) -> bool:
        return not self.said["security"]

    def examples(self) -> list[tuple[str, Any]]:
        """Bodies that work, each with its content type."""
        content = self.said.get("requestBody", {}).get("content", {})
        return [
            (kind, example)
            for kind, each in content.items()
            for example in (
                *(one["value"] for one in each.get("examples", {}).values()),
                *([each["example"]] if "example" in each else []),
            )
        ]


class Described:
    """An OpenAPI description."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.operations = [
            Operation(method.upper(), path, said)
            for path, methods in document["paths"].items()
            for method, said in methods.items()
            if method in METHODS
        ]

    def check(self, operation: Operation, answer: httpx.Response) -> None:
        """Fail unless the status, the content type and the body are as described."""
        responses = operation.said["responses"]
        told = f"{operation.id}: {answer.status_code} {answer.text[:500]}"
        assert str(answer.status_code) in responses, told
        content = responses[str(answer.status_code)].get("content", {})
        kind = answer.headers.get("content-type", "").partition(";")[0]
        if not content:
            assert answer.content == b"", told
            return
        assert kind in content, f"{told}: {kind}"
        if kind == "application/json":
            schema = {**content[kind]["schema"], "components": self.document["components"]}
            Draft202012Validator(schema).validate(answer.json())


def published(path: Path = PUBLISHED) -> Described:
    """The description that is published beside the documents."""
    return Described(json.loads(path.read_text()))
