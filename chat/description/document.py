"""The whole description, OpenAPI 3.1, as a value and as the bytes that are served."""

import json
from functools import cache

from chat.description.doors import Json
from chat.description.page_doors import page_paths, page_schemas
from chat.description.probe_doors import probe_paths, probe_schemas
from chat.description.program_doors import program_paths, program_schemas
from chat.description.stream_door import stream_paths, stream_schemas

VERSION = "1"
"""Of what is described. Doors and fields may be added; what there is stays."""
INTRODUCTION = """\
Doors for programs. They ask the same models under the same budgets, rights and ledger as the page.

Send `Authorization: Bearer <API key>`; a key is of one person and one team. Ids are UUIDs, moments
ISO 8601 in UTC, money whole nano-USD (10⁻⁹ US dollars). What is absent and what may not be seen
are both `not_found`. A method that a path does not have is answered with 405 and `Allow`.

Pages of the origins in `CORS_ORIGINS` may call with a key; others may not.

The browser socket at `/ws/chat/` and the WebSocket at `/v1/chat/completions` are described in
`docs/protocol.md`.
"""
TAGS: Json = {
    "Answers": "Asking models. The doors under `/v1/` are OpenAI's and take API keys only.",
    "Batches": "Many prompts, answered a few at a time.",
    "Conversations": "What the team has asked on the page.",
    "Models and money": "What models cost, and what is left.",
    "Who calls": "The person and the team.",
    "Probes": "For whoever operates the site. They are open.",
}
PARAMETERS: Json = {
    "IdempotencyKey": {
        "in": "header",
        "name": "Idempotency-Key",
        "required": False,
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
        "description": "Made by the client. The same request again with the same key starts "
        "nothing and costs nothing: it gets the answer of the first. Another body with it is "
        "refused (`idempotency_mismatch`).",
    }
}
_TEXT: Json = {"type": "string"}
_UUID: Json = {"type": "string", "format": "uuid"}
_DIGITS: Json = {"type": "string", "pattern": "^[0-9]+$"}
HEADERS: Json = {
    "X-Request-Id": {
        "description": "Names the request in the server's log; a turn's id once there is one.",
        "schema": _TEXT,
    },
    "OpenAI-Processing-Ms": {
        "description": "From the request's head to the answer's, in milliseconds.",
        "schema": _DIGITS,
    },
    **{
        f"X-RateLimit-{name}-{what}": {
            "description": f"{text}, where the person or the team has such a limit.",
            "schema": _TEXT if name == "Reset" else _DIGITS,
        }
        for what in ("Requests", "Tokens")
        for name, text in (
            ("Limit", f"How many {what.lower()} are allowed in a while"),
            ("Remaining", f"How many {what.lower()} are left of them"),
            ("Reset", "In how long all of them are there again, such as `12s`"),
        )
    },
    "Retry-After": {
        "description": "In so many seconds the request may succeed. Not in every refusal.",
        "schema": _DIGITS,
    },
    "WWW-Authenticate": {"description": "How to prove oneself: `Bearer`.", "schema": _TEXT},
    "X-Tram-Turn": {"description": "The turn.", "schema": _UUID},
    "X-Tram-Conversation": {
        "description": "Where the answer is; not for `messages`.",
        "schema": _UUID,
    },
    "X-Tram-Message": {"description": "The answer; not for `messages`.", "schema": _UUID},
}
SECURITY: Json = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "tram_<prefix>_<secret>",
        "description": "An API key. It may be bounded by scopes, models, a budget and a date.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-tram-session",
        "description": "The page's own. On a site without TLS it is called `tram-session`.",
    },
    "csrf": {
        "type": "apiKey",
        "in": "header",
        "name": "X-CSRFToken",
        "description": "The page's token, with the session, for everything that changes something.",
    },
}


def describe() -> Json:
    """Return the description. Raises KeyError for a door under `/api/` that has no words."""
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {
            "title": "Tram",
            "version": VERSION,
            "description": INTRODUCTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": program_paths() | stream_paths() | page_paths() | probe_paths(),
        "components": {
            "schemas": {
                **program_schemas(),
                **stream_schemas(),
                **page_schemas(),
                **probe_schemas(),
            },
            "parameters": PARAMETERS,
            "headers": HEADERS,
            "securitySchemes": SECURITY,
        },
    }


def encoded(description: Json) -> str:
    """Return the description as it is published."""
    return json.dumps(description, indent=1, sort_keys=False, ensure_ascii=False) + "\n"


@cache
def described() -> Json:
    """The description, made once in a process. Do not change it."""
    return describe()
