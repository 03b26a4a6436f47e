"""The probes `/health` and `/ready`."""

from typing import Any

from chat.description.doors import Json, json_content, reference


def probe_paths() -> Json:
    """Describe the probes. They are open."""
    return {
        "/health": {
            "get": _probe(
                "getHealth",
                "Do the relays answer?",
                "Asks every relay for its models, at most every few seconds.",
                ("At least one relay answers.", "None does.", "Health"),
            )
        },
        "/ready": {
            "get": _probe(
                "getReady",
                "Is new work taken?",
                "Not while the process drains, and not without the database.",
                ("It is.", "It is not.", "Readiness"),
            )
        },
    }


def probe_schemas() -> Json:
    """What the probes say."""
    return {
        "Health": {
            "type": "object",
            "properties": {
                "status": {"enum": ["healthy", "unhealthy"]},
                "models_available": {"type": "integer", "minimum": 0},
                "relays": {
                    "type": "object",
                    "description": "By name: `healthy`, or the code of what is wrong.",
                    "additionalProperties": {"type": "string"},
                },
            },
            "required": ["status", "models_available", "relays"],
        },
        "Readiness": {
            "type": "object",
            "properties": {"status": {"enum": ["ready", "draining", "storage_unavailable"]}},
            "required": ["status"],
        },
    }


def _probe(id: str, summary: str, description: str, said: tuple[str, str, str]) -> dict[str, Any]:
    good, bad, schema = said
    content = json_content(reference(schema))
    return {
        "operationId": id,
        "tags": ["Probes"],
        "summary": summary,
        "description": description,
        "security": [],
        "parameters": [],
        "responses": {
            "200": {"description": good, "content": content},
            "503": {"description": bad, "content": content},
        },
    }
