"""`POST /api/chat/stream`, described from the struct that it reads."""

from chat.api.refusals import STATUSES
from chat.completions.messages import Message
from chat.description.doors import Door, Json, header_reference, reference, responses_of
from chat.description.page_doors import EVERYWHERE, KEY, SESSION_AND_TOKEN
from chat.description.page_table import MODEL
from chat.description.schemas import schemas_of
from chat.streams.plain import Plain
from chat.streams.refusals import OTHER_STATUSES

PATH = "/api/chat/stream"
CODES = (
    *EVERYWHERE,
    "csrf_failed",
    "budget_exhausted",
    "idempotency_mismatch",
    "interrupted",
    "method_not_allowed",
    "model_not_allowed",
    "model_unknown",
    "rate_limited",
    "relay_auth",
    "relay_error",
    "relay_protocol",
    "relay_rate_limited",
    "relay_stream_broken",
    "relay_timeout",
    "relay_truncated",
    "relay_unavailable",
    "request_too_large",
    "too_many_turns",
)
DOOR = Door(
    "streamAnswer",
    "Answers",
    "An answer, token by token",
    "The simplest way to an answer that needs no WebSocket. `message` goes into a conversation "
    "(a new one, or `conversation`); `messages` are a whole prompt that is in no conversation. "
    'The events are `data: {"token": "…"}`, and `data: [DONE]` at the end; after the first token a '
    'failure is `data: {"error": {…}}`, and no `[DONE]`. Closing the connection leaves the turn '
    "running; with `detach=stop` it ends it. `id` is a UUID made by the client: the same request "
    "again is the same turn.",
    CODES,
    {
        "message": {"message": "Say something short", "model": MODEL},
        "messages": {
            "messages": [{"role": "user", "content": "Say something short"}],
            "model": MODEL,
            "options": {"max_tokens": 50},
        },
    },
)


def stream_paths() -> Json:
    """Describe the door."""
    headers = ("X-Tram-Turn", "X-Tram-Conversation", "X-Tram-Message", "X-Request-Id")
    operation: Json = {
        "operationId": DOOR.id,
        "tags": [DOOR.tag],
        "summary": DOOR.summary,
        "description": DOOR.description,
        "security": [KEY, SESSION_AND_TOKEN],
        "parameters": [
            {
                "in": "query",
                "name": "detach",
                "required": False,
                "schema": {"type": "string", "examples": ["stop"]},
                "description": "`stop`: closing the connection ends the turn.",
            }
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": reference("StreamRequest"),
                    "examples": {name: {"value": body} for name, body in DOOR.examples.items()},
                }
            },
        },
        "responses": {
            "200": {
                "description": "The answer as server-sent events.",
                "headers": {name: header_reference(name) for name in headers},
                "content": {
                    "text/event-stream": {
                        "example": 'data: {"token":"Short"}\n\ndata: [DONE]\n\n',
                    }
                },
            },
            **responses_of(
                DOOR.codes,
                {**STATUSES, **OTHER_STATUSES},
                "Refusal",
                {"X-Request-Id": header_reference("X-Request-Id")},
            ),
        },
    }
    return {PATH: {"post": operation}}


def stream_schemas() -> Json:
    """The body, with its messages as `/v1/chat/completions` reads them."""
    schemas = schemas_of(Plain, Message)
    schemas["StreamRequest"] = schemas.pop("Plain")
    messages = schemas["StreamRequest"]["properties"]["messages"]
    listed = next(each for each in messages["anyOf"] if each.get("type") == "array")
    listed["items"] = reference("Message")
    # One of the two, never both.
    schemas["StreamRequest"]["oneOf"] = [
        {"required": [one], "properties": {one: {"not": {"type": "null"}}, other: {"type": "null"}}}
        for one, other in (("message", "messages"), ("messages", "message"))
    ]
    return schemas
