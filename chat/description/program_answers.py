"""The answers of the doors under `/v1/`, which are OpenAI's, and what Tram adds to them."""

from chat.completions.errors import STATUSES, TYPES
from chat.description.doors import Json, reference

_COUNT: Json = {"type": "integer", "minimum": 0}
_NULLABLE: Json = {"type": ["string", "null"]}
_ID: Json = {"type": "string", "pattern": "^chatcmpl-[0-9a-f]{32}$"}
_CREATED: Json = {"type": "integer", "description": "Seconds since 1970."}
_CALLS: Json = {"type": "array", "items": {"type": "object"}}
_REASON: Json = {
    "type": "string",
    "description": "`stop`, `length`, `tool_calls`, `content_filter`, or what the relay says.",
}
_LOGPROBS: Json = {"type": ["object", "null"]}


def _object(required: tuple[str, ...] = (), description: str = "", /, **properties: Json) -> Json:
    made: Json = {"type": "object", "properties": properties, "required": list(required)}
    return made | ({"description": description} if description else {})


_ERROR = _object(
    ("message", "type", "param", "code"),
    message={"type": "string"},
    type={"enum": sorted({*TYPES.values(), "invalid_request_error", "server_error"})},
    param={"type": ["string", "null"], "description": "Where in the request the fault is."},
    code={
        "type": "string",
        "description": "OpenAI's name where it has one, such as `model_not_found`.",
    },
    detail={"type": "object", "description": "Figures in Tram's own words."},
)
_TOLD = _object(
    ("turn", "state", "cost_nano_usd", "quality"),
    "What Tram knows beside OpenAI's fields.",
    turn={"type": "string", "format": "uuid"},
    state={"type": "string", "examples": ["completed", "budget_stopped"]},
    cost_nano_usd={"type": "integer", "description": "What the team paid, in 10⁻⁹ USD."},
    quality={"type": "string", "description": "`reported` by the relay, or `estimated`."},
)
_USAGE = _object(
    ("prompt_tokens", "completion_tokens", "total_tokens"),
    prompt_tokens=_COUNT,
    completion_tokens=_COUNT,
    total_tokens=_COUNT,
    prompt_tokens_details=_object(cached_tokens=_COUNT),
    completion_tokens_details=_object(reasoning_tokens=_COUNT),
)
_MESSAGE = _object(
    ("role", "content"),
    role={"const": "assistant"},
    content=_NULLABLE,
    refusal=_NULLABLE,
    reasoning_content={"type": "string"},
    tool_calls=_CALLS,
    function_call={"type": "object"},
)
_CHOICE = _object(
    ("index", "message", "finish_reason"),
    index={"const": 0},
    message=_MESSAGE,
    finish_reason=_REASON,
    logprobs=_LOGPROBS,
)
_DELTA_CHOICE = _object(
    ("index", "delta", "finish_reason"),
    index={"const": 0},
    delta=_object(
        role={"const": "assistant"},
        content={"type": "string"},
        refusal={"type": "string"},
        reasoning_content={"type": "string"},
        tool_calls=_CALLS,
        function_call={"type": "object"},
    ),
    finish_reason={**_REASON, "type": ["string", "null"]},
    logprobs=_LOGPROBS,
)

ANSWERS: Json = {
    "ProgramError": _object(
        ("error",),
        "Why the doors under `/v1/` refuse, in OpenAI's shape. " + f"{len(STATUSES)} codes.",
        error=_ERROR,
    ),
    "Told": _TOLD,
    "CompletionUsage": _USAGE,
    "ChatCompletion": _object(
        ("id", "object", "created", "model", "choices", "usage", "tram"),
        "A whole answer.",
        id=_ID,
        object={"const": "chat.completion"},
        created=_CREATED,
        model={"type": "string", "description": "As it was asked for."},
        choices={"type": "array", "items": _CHOICE, "minItems": 1, "maxItems": 1},
        usage=reference("CompletionUsage"),
        tram=reference("Told"),
    ),
    "ChatCompletionChunk": _object(
        ("id", "object", "created", "model", "choices"),
        "A piece of a streamed answer: one event, or one frame of the WebSocket.",
        id=_ID,
        object={"const": "chat.completion.chunk"},
        created=_CREATED,
        model={"type": "string"},
        choices={"type": "array", "items": _DELTA_CHOICE, "maxItems": 1},
        usage={"anyOf": [reference("CompletionUsage"), {"type": "null"}]},
        tram=reference("Told"),
    ),
    "Model": _object(
        ("id", "object", "created", "owned_by"),
        id={"type": "string"},
        object={"const": "model"},
        created=_CREATED,
        owned_by={"type": "string"},
        name={"type": "string", "description": "Where it has another one for people."},
        context_length=_COUNT,
        pricing={
            "type": "object",
            "description": "What the team pays, in USD for one token or one image, as decimals: "
            "`prompt`, `completion`, `input_cache_read`, `internal_reasoning`, `image`.",
            "additionalProperties": {"type": "string"},
        },
    ),
    "ModelPage": _object(
        ("object", "data"),
        object={"const": "list"},
        data={"type": "array", "items": reference("Model")},
    ),
}
"""The schemas by name."""
