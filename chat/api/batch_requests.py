"""What a request for a batch says, in whichever form it comes."""

from typing import Any, TypeVar
from uuid import UUID, uuid4, uuid5

import msgspec
from asgiref.sync import async_to_sync
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest
from msgspec import Struct

from chat.relay.errors import RelayError
from chat.services.batches import Form, NewBatch
from chat.services.errors import ContentInvalid
from chat.turns.relays import directory

LINES_OF_JSON = (
    "application/x-ndjson",
    "application/jsonl",
    "application/jsonlines",
    "application/x-jsonlines",
)
# By which a key that is no UUID is made one.
_KEYS = UUID("6e2d4d0b-54cf-4e7e-9a5c-0a5f5a6b7c11")
Wanted = TypeVar("Wanted", bound=Struct)


class _Said(Struct, forbid_unknown_fields=True):
    """What holds for the batch. In an address or a form, `options` are JSON."""

    name: str = ""
    model: str = ""
    options: dict[str, Any] = {}
    concurrency: int | None = None
    id: str = ""


class _Body(_Said):
    prompts: list[Any] = []


class _Form(_Said):
    format: str = ""
    prompts: str = ""
    csrfmiddlewaretoken: str = ""


def wanted_batch(request: HttpRequest) -> NewBatch:
    """Read the batch that a request asks for: JSON with `prompts`; JSONL or text in the body, with
    the rest in the address; or a form with a file, or with `prompts` as lines of text.

    Raises ContentInvalid with the path of what is wrong.
    """
    kind = (request.content_type or "").lower()
    key = request.headers.get("Idempotency-Key", "")
    if kind == "multipart/form-data":
        return _of_form(request, key)
    if kind in LINES_OF_JSON or kind == "text/plain":
        said = _convert(_plain(request.GET.dict()), _Said)
        form: Form = "text" if kind == "text/plain" else "jsonl"
        return _new(said, key, content=_body(request), form=form)
    if kind == "application/json":
        body = _decoded(_body(request))
        if not body.prompts:
            raise ContentInvalid("The batch has no prompts.", path="$.prompts")
        return _new(body, key, prompts=tuple(body.prompts))
    raise ContentInvalid(
        "A batch comes as application/json, application/x-ndjson, text/plain or "
        "multipart/form-data.",
        path="$",
    )


def _of_form(request: HttpRequest, key: str) -> NewBatch:
    said = _convert(_plain(request.POST.dict()), _Form)
    if said.format not in ("", "jsonl", "text"):
        raise ContentInvalid("`format` is jsonl or text.", path="$.format")
    file = request.FILES.get("file")
    if file is None:
        if not said.prompts.strip():
            raise ContentInvalid("The form has neither `file` nor `prompts`.", path="$.file")
        written: Form = "jsonl" if said.format == "jsonl" else "text"
        return _new(said, key, content=said.prompts.encode(), form=written)
    assert isinstance(file, UploadedFile)
    limit_bytes = settings.BATCHES.max_bytes
    if (file.size or 0) > limit_bytes:
        raise _too_long(limit_bytes)
    named = (file.name or "").lower()
    form: Form = "text" if (said.format or named[-4:]) in ("text", ".txt") else "jsonl"
    if not said.name:
        said = msgspec.structs.replace(said, name=(file.name or "")[:200])
    content = file.read()
    if not content:
        raise ContentInvalid("The file is empty. Write one prompt in each line.", path="$.file")
    return _new(said, key, content=content, form=form)


def _new(said: _Said, key: str, **content: Any) -> NewBatch:
    return NewBatch(
        name=said.name,
        model=said.model or default_model(),
        options=said.options,
        concurrency=said.concurrency,
        client_id=_client_id(said.id or key),
        **content,
    )


def default_model() -> str:
    """The model of a batch that names none; empty where no relay tells its models."""
    if settings.TURNS.default_model:
        return settings.TURNS.default_model
    try:
        # Runs on the server's own event loop, where the relays' connections live.
        return async_to_sync(_ask)()
    except RelayError:
        return ""


async def _ask() -> str:
    return await directory().default_model()


def _client_id(key: str) -> UUID:
    if not key:
        return uuid4()
    try:
        return UUID(key)
    except ValueError:
        return uuid5(_KEYS, key)


def _body(request: HttpRequest) -> bytes:
    """The body, past Django's own bound, which is for forms."""
    limit_bytes = settings.BATCHES.max_bytes
    body = request.read(limit_bytes + 1)
    if len(body) > limit_bytes:
        raise _too_long(limit_bytes)
    return bytes(body)


def _too_long(limit_bytes: int) -> ContentInvalid:
    return ContentInvalid(
        f"The batch is longer than {limit_bytes} bytes. Make several of it.",
        path="$",
        limit_bytes=limit_bytes,
    )


def _plain(given: dict[str, Any]) -> dict[str, Any]:
    """What an address or a form says, where numbers and objects are texts."""
    said: dict[str, Any] = {name: value for name, value in given.items() if value != ""}
    if "options" in said:
        try:
            said["options"] = msgspec.json.decode(said["options"])
        except (msgspec.DecodeError, RecursionError):
            raise ContentInvalid("`options` are a JSON object.", path="$.options") from None
    return said


def _convert(given: dict[str, Any], kind: type[Wanted]) -> Wanted:
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise _explained(str(error)) from None


def _decoded(body: bytes) -> _Body:
    try:
        return msgspec.json.decode(body, type=_Body)
    except msgspec.ValidationError as error:
        raise _explained(str(error)) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ContentInvalid(f"The body is not JSON: {error}.", path="$") from None


def _explained(text: str) -> ContentInvalid:
    said, _, place = text.partition(" - at `")
    return ContentInvalid(f"{said}.", path=place.rstrip("`") or "$")
