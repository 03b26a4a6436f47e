"""The bodies that make a batch: it reads its own, in four forms."""

from chat.api.batch_requests import LINES_OF_JSON
from chat.description.doors import Door, Json, json_content, reference


def batch_body(door: Door) -> Json:
    """Describe the body in each of its forms."""
    lines: Json = {"schema": {"type": "string"}, "example": door.examples["lines"]}
    content = json_content(reference("NewBatch"), {"prompts": door.examples["prompts"]})
    content |= dict.fromkeys(LINES_OF_JSON[:1], lines)
    content["text/plain"] = {"schema": {"type": "string"}, "example": "Say one\nSay two\n"}
    content["multipart/form-data"] = {"schema": reference("NewBatchForm")}
    return {"required": True, "content": content}


_SAID_OF_A_BATCH: Json = {
    "name": {"type": "string", "maxLength": 200},
    "model": {"type": "string", "description": "For lines that name none."},
    "concurrency": {"type": "integer", "minimum": 1, "description": "Answers at a time."},
    "id": {"type": "string", "description": "As `Idempotency-Key`; this one counts if both come."},
}
BATCH_PARAMETERS: list[Json] = [
    {
        "in": "header",
        "name": "Idempotency-Key",
        "required": False,
        "schema": {"type": "string"},
        "description": "Made by the client: the same batch sent again with it is the same batch.",
    },
    *(
        {
            "in": "query",
            "name": name,
            "required": False,
            "schema": schema,
            "description": "Where the body is lines.",
        }
        for name, schema in [
            *_SAID_OF_A_BATCH.items(),
            ("options", {"type": "string", "description": "A JSON object."}),
        ]
    ),
]
NEW_BATCH: Json = {
    "type": "object",
    "properties": {
        **_SAID_OF_A_BATCH,
        "concurrency": {"type": ["integer", "null"], "minimum": 1},
        "options": {
            "type": "object",
            "description": "Parameters of `/v1/chat/completions` for every line, and `system`.",
        },
        "prompts": {
            "type": "array",
            "minItems": 1,
            "items": {"anyOf": [{"type": "string"}, {"type": "object"}]},
            "description": "Each a text, or an object as a line of JSONL has.",
        },
    },
    "required": ["prompts"],
    "additionalProperties": False,
}
_FORM: Json = {
    "type": "object",
    "properties": {
        **_SAID_OF_A_BATCH,
        "file": {"type": "string", "format": "binary"},
        "prompts": {"type": "string", "description": "Lines, where there is no file."},
        "format": {"enum": ["jsonl", "text"], "description": "What kind of lines they are."},
        "options": {"type": "string", "description": "A JSON object."},
    },
    "additionalProperties": False,
}
BATCH_SCHEMAS: Json = {"NewBatch": NEW_BATCH, "NewBatchForm": _FORM}
