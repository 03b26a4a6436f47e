"""Reading batches: each line is a request for a chat completion, in one of three forms.

OpenAI's own, `{"custom_id", "method", "url", "body"}`; a prompt with what belongs to it,
`{"prompt": "…", "id", "system", "model", "max_tokens", …}`; or a JSON string, the prompt alone.
"""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from chat.completions.errors import ProgramError
from chat.completions.requests import read_request

DOOR = "/v1/chat/completions"
MOST_NAME_CHARACTERS = 200
KEPT_OF_A_BAD_LINE = 1_000
"""Characters of a line that cannot be read which are kept for whoever looks for its fault."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
OTHER_MARKS = (b"\xff\xfe", b"\xfe\xff")
NUL = "\x00"

Name = Annotated[str, Meta(max_length=MOST_NAME_CHARACTERS)]


class Defaults(Struct, frozen=True):
    """What holds for each line that does not say otherwise. `options` are fields of a request."""

    model: str = ""
    system: str = ""
    options: dict[str, Any] = {}


class BatchRequest(Struct, frozen=True):
    """One line. `body` is the request as JSON; a line with `error_code` cannot be asked."""

    number: int
    body: str
    custom_id: str = ""
    error_code: str = ""
    error_message: str = ""


class _Fields(Struct):
    """What a line says beside its request."""

    custom_id: Name | None = None
    id: Name | int | None = None
    method: str | None = None
    url: str | None = None
    body: dict[str, Any] | None = None
    prompt: str | None = None
    system: str | None = None


OWN_FIELDS = frozenset(_Fields.__struct_fields__)
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def check_defaults(defaults: Defaults) -> None:
    """Raise ProgramError, whose `param` begins with `$.options`, where no line could have them."""
    try:
        _body_of(defaults, {"messages": [_message("user", "")]}, model="any")
    except ProgramError as error:
        place = (error.param or "").removeprefix("$").removeprefix(".")
        raise ProgramError(error.code, error.message, param=f"$.options.{place}") from None


def text_lines(content: bytes) -> Iterator[tuple[int, str]]:
    """Give the lines of a file that are not blank, counted from 1. Raises ProgramError for one
    that is not UTF-8."""
    if content.startswith(OTHER_MARKS):
        raise ProgramError("bad_frame", "The file is UTF-16. Save it as UTF-8 and send it again.")
    content = content.removeprefix(BYTE_ORDER_MARK)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ProgramError(
            "bad_frame", f"Line {line} is not UTF-8. Save the file as UTF-8 and send it again."
        ) from None
    # A line of JSON may have other separators of lines within its texts.
    for number, line_text in enumerate(text.split("\n"), start=1):
        if line_text.strip():
            yield number, line_text.strip("\r")


def read_lines(
    lines: Iterable[tuple[int, str]], defaults: Defaults, *, max_line_bytes: int, json: bool
) -> Iterator[BatchRequest]:
    """Read numbered lines of JSON, or with `json` false each as a prompt. What is wrong with one
    is said in it, and the others are read."""
    named: dict[str, int] = {}
    for number, text in lines:
        line = _read(number, text, defaults, max_line_bytes, json=json)
        if line.custom_id and line.custom_id in named:
            said = f'"{line.custom_id}" is the name of line {named[line.custom_id]} already.'
            line = _bad(number, text, "bad_frame", f"{said} Name each line differently.")
        elif line.custom_id:
            named[line.custom_id] = number
        yield line


def _read(
    number: int, text: str, defaults: Defaults, max_line_bytes: int, *, json: bool
) -> BatchRequest:
    size_bytes = len(text.encode())
    if size_bytes > max_line_bytes:
        said = f"It has {size_bytes} bytes; at most {max_line_bytes} are allowed."
        return _bad(number, text, "request_too_large", said)
    try:
        return _request(number, _decode(text) if json else text, defaults)
    except msgspec.ValidationError as error:
        return _bad(number, text, "bad_frame", str(error))
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return _bad(number, text, "bad_frame", f"It is not JSON: {error}.")
    except ProgramError as error:
        return _bad(number, text, error.code, error.message)


def _request(number: int, value: Any, defaults: Defaults) -> BatchRequest:
    if isinstance(value, str):
        return BatchRequest(number, _body_of(defaults, _asking(value)))
    if not isinstance(value, dict):
        raise ProgramError("bad_frame", "It is neither an object nor a text.")
    said = msgspec.convert(value, _Fields)
    custom_id = str(said.custom_id or ("" if said.id is None else said.id))
    if len(custom_id) > MOST_NAME_CHARACTERS or NUL in custom_id:
        said_of_it = f"The name has at most {MOST_NAME_CHARACTERS} characters, and no NUL."
        raise ProgramError("bad_frame", said_of_it)
    further = {name: field for name, field in value.items() if name not in OWN_FIELDS}
    if said.body is not None:
        if further:
            raise ProgramError("unknown_parameter", f"`{min(further)}` belongs into `body`.")
        _check_door(said)
        own = said.body
    elif said.prompt is not None:
        own = further | _asking(said.prompt)
    elif "messages" in further:
        own = further
    else:
        raise ProgramError("bad_frame", "It has neither `body` nor `prompt` nor `messages`.")
    system = said.system if said.system is not None else defaults.system
    body = _body_of(Defaults(defaults.model, system, defaults.options), own)
    return BatchRequest(number, body, custom_id)


def _check_door(said: _Fields) -> None:
    if said.method not in (None, "POST") or said.url not in (None, DOOR):
        raise ProgramError(
            "unsupported_value", f"Lines are asked by POST at {DOOR}, and nowhere else."
        )


def _asking(prompt: str) -> dict[str, Any]:
    if not prompt.strip():
        raise ProgramError("bad_frame", "The prompt is empty.")
    return {"messages": [_message("user", prompt)]}


def _body_of(defaults: Defaults, own: dict[str, Any], *, model: str = "") -> str:
    """The request as it is asked, in JSON. Raises ProgramError where it cannot be."""
    body = defaults.options | own
    if "max_completion_tokens" in own and "max_tokens" not in own:
        body.pop("max_tokens", None)
    body["model"] = own.get("model") or defaults.model or model
    if not body["model"]:
        raise ProgramError("bad_frame", "It names no model, and the batch names none either.")
    messages = body.get("messages")
    if defaults.system and isinstance(messages, list) and not _has_system(messages):
        body["messages"] = [_message("system", defaults.system), *messages]
    # The answer is stored whole, whoever streams it.
    body.pop("stream", None)
    body.pop("stream_options", None)
    encoded = _encode(body)
    if NUL in read_request(encoded).model:
        raise ProgramError("bad_frame", "The name of the model contains a NUL.", param="$.model")
    return encoded.decode()


def _has_system(messages: list[Any]) -> bool:
    return any(
        isinstance(each, dict) and each.get("role") in ("system", "developer") for each in messages
    )


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def _bad(number: int, text: str, code: str, message: str) -> BatchRequest:
    # Names that the sender chose stand in the message too, and PostgreSQL stores no NUL.
    kept = text[:KEPT_OF_A_BAD_LINE].replace(NUL, "")
    return BatchRequest(number, kept, "", code, f"Line {number}: {message.replace(NUL, '')}")
