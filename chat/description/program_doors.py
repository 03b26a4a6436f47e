"""The doors under `/v1/`, described from what they read and refuse."""

from chat.completions.errors import NAMES, STATUSES
from chat.completions.messages import Message
from chat.completions.requests import REFUSED, CompletionRequest
from chat.description.doors import (
    Door,
    Json,
    header_reference,
    json_content,
    reference,
    responses_of,
)
from chat.description.page_doors import KEY
from chat.description.page_table import MODEL
from chat.description.program_answers import ANSWERS
from chat.description.schemas import schemas_of
from chat.queries.key_usage import KeyUsage

COMPLETIONS = "/v1/chat/completions"
EVERYWHERE = (
    "invalid_api_key",
    "forbidden",
    "not_found",
    "internal_error",
    "restarting",
    "storage_unavailable",
)
ASKING = tuple(code for code in STATUSES if code != "method_not_allowed")
HEADERS = ("X-Request-Id", "OpenAI-Processing-Ms")
LIMITS = tuple(
    f"X-RateLimit-{name}-{what}"
    for what in ("Requests", "Tokens")
    for name in ("Limit", "Remaining", "Reset")
)
_QUESTION = {"model": MODEL, "messages": [{"role": "user", "content": "Say something short"}]}

DOORS: dict[tuple[str, str], Door] = {
    ("POST", COMPLETIONS): Door(
        "createChatCompletion",
        "Answers",
        "An answer, streamed or whole",
        "OpenAI's chat completions: the usual client packages work with `/v1` of this site as "
        "their base URL. With `stream` the answer comes as server-sent events, each a "
        "`chat.completion.chunk`, the last one `[DONE]`; a failure after the first is an event "
        "with `error`, and no `[DONE]`. Closing the connection stops the turn and settles it. "
        "The same address is a WebSocket too, where a frame is a body and each frame back a "
        "chunk.\n\nNot offered, and refused by name: "
        + ", ".join(f"`{name}`" for name in sorted(REFUSED))
        + ".",
        ASKING,
        {
            "whole": {**_QUESTION, "max_tokens": 50},
            "streamed": {**_QUESTION, "stream": True, "stream_options": {"include_usage": True}},
        },
    ),
    ("GET", "/v1/models"): Door(
        "listModels",
        "Answers",
        "Models that the key may use",
        "By the names that `model` takes.",
        ("relay_unavailable",),
    ),
    ("GET", "/v1/models/{model}"): Door(
        "getModel",
        "Answers",
        "One model",
        "404 for one that is not offered or that the key may not use.",
        ("model_unknown", "model_not_allowed", "relay_unavailable"),
    ),
    ("GET", "/v1/usage"): Door(
        "getUsage",
        "Answers",
        "What the key's team has used",
        "Tokens in and out of the team, the money of the team, and that of the key. "
        "`total_granted` is what the team has used and what its credit still pays for at the price "
        "of answers of `model`.",
    ),
}


def program_paths() -> Json:
    """Describe every door under `/v1/`."""
    paths: Json = {}
    for (method, path), door in DOORS.items():
        paths.setdefault(path, {})[method.lower()] = _describe(path, door)
    return paths


def program_schemas() -> Json:
    """The request's body, made of the structs that read it, and the answers."""
    schemas = schemas_of(CompletionRequest, Message, KeyUsage)
    schemas["CompletionRequest"]["properties"]["messages"]["items"] = reference("Message")
    schemas["CompletionRequest"]["properties"]["n"] = {"enum": [1, None]}
    usage = schemas["TeamUsage"] = schemas.pop("KeyUsage")
    usage["properties"] = {"object": {"const": "usage"}, **usage["properties"]}
    usage["required"] = ["object", *usage["required"]]
    return {**schemas, **ANSWERS}


def _describe(path: str, door: Door) -> Json:
    names = (*HEADERS, *LIMITS) if path == COMPLETIONS else HEADERS
    headers = {name: header_reference(name) for name in names}
    said: Json = {
        "operationId": door.id,
        "tags": [door.tag],
        "summary": door.summary,
        "description": door.description,
        "security": [KEY],
        "parameters": [],
    }
    if path == COMPLETIONS:
        said["parameters"] = [{"$ref": "#/components/parameters/IdempotencyKey"}]
        body = json_content(reference("CompletionRequest"), door.examples)
        said["requestBody"] = {"required": True, "content": body}
    elif "{model}" in path:
        # Names of models may hold slashes.
        said["parameters"] = [
            {"in": "path", "name": "model", "required": True, "schema": {"type": "string"}}
        ]
    said["responses"] = {
        "200": {"description": "Done.", "headers": headers, "content": _content(path)},
        **responses_of((*EVERYWHERE, *door.codes), STATUSES, "ProgramError", headers, NAMES),
    }
    said["responses"]["401"]["headers"]["WWW-Authenticate"] = header_reference("WWW-Authenticate")
    return said


def _content(path: str) -> Json:
    answers = {"/v1/models": "ModelPage", "/v1/models/{model}": "Model", "/v1/usage": "TeamUsage"}
    if path != COMPLETIONS:
        return json_content(reference(answers[path]))
    events = 'data: {"id":"chatcmpl-…","object":"chat.completion.chunk",…}\n\ndata: [DONE]\n\n'
    return {**json_content(reference("ChatCompletion")), "text/event-stream": {"example": events}}
