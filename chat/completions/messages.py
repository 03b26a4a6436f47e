"""Reading the messages of a request: texts, pictures, calls of tools and their results."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from chat.relay.extras import text_of_extras
from chat.relay.types import RelayMessage


class TextPart(Struct, tag_field="type", tag="text", forbid_unknown_fields=True):
    """A piece of text."""

    text: str
    cache_control: dict[str, Any] | None = None


class RefusalPart(Struct, tag_field="type", tag="refusal", forbid_unknown_fields=True):
    """What a model had refused."""

    refusal: str


class ImageAddress(Struct, forbid_unknown_fields=True):
    """Where a picture is: on the web, for the relay to fetch, or in the address itself."""

    url: Annotated[str, Meta(pattern="^(https?://|data:image/)")]
    detail: Literal["auto", "low", "high"] | None = None


class ImagePart(Struct, tag_field="type", tag="image_url", forbid_unknown_fields=True):
    """A picture."""

    image_url: ImageAddress


Part = TextPart | RefusalPart | ImagePart


class Message(Struct, forbid_unknown_fields=True):
    """One message. An answer may be sent back with all its fields, as it came."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | Annotated[list[Part], Meta(max_length=1_000)] | None = None
    name: Annotated[str, Meta(max_length=200)] | None = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: Annotated[str, Meta(max_length=200)] | None = None
    function_call: dict[str, Any] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    # Answers have them; relays refuse them.
    annotations: list[Any] | None = None
    audio: None = None


USUAL_OF_A_CALL = ("index", "id", "type", "function")
SENT_BACK = ("name", "tool_calls", "tool_call_id", "function_call", "refusal", "reasoning_content")

_decoder = msgspec.json.Decoder(Message)


def read_messages(raws: Sequence[msgspec.Raw]) -> tuple[RelayMessage, ...]:
    """Read the messages; raises msgspec.ValidationError that names the path of a fault."""
    return tuple(_read(raw, number) for number, raw in enumerate(raws))


def _read(raw: msgspec.Raw, number: int) -> RelayMessage:
    try:
        message = _decoder.decode(raw)
    except msgspec.ValidationError as error:
        text = str(error)
        place = f"$.messages[{number}]"
        if " - at `$" in text:
            raise msgspec.ValidationError(text.replace(" - at `$", f" - at `{place}")) from None
        raise msgspec.ValidationError(f"{text} - at `{place}`") from None
    extra = {name: value for name in SENT_BACK if (value := getattr(message, name)) is not None}
    if isinstance(message.content, str) and not extra:
        return RelayMessage(message.role, message.content)
    if message.content is None and message.role in ("system", "developer", "user"):
        raise msgspec.ValidationError(
            f"A message needs `content` - at `$.messages[{number}].content`"
        )
    wire = {"role": message.role, "content": message.content, **extra}
    return RelayMessage(
        message.role,
        "\n".join(text for text in (*_texts(message.content), *_texts_beside(extra)) if text),
        wire=msgspec.json.encode(_without_nothing(wire)).decode(),
        images=sum(isinstance(part, ImagePart) for part in message.content or ()),
    )


def _texts(content: str | Iterable[Part] | None) -> Iterable[str]:
    if isinstance(content, str):
        yield content
        return
    for part in content or ():
        if isinstance(part, TextPart):
            yield part.text
        elif isinstance(part, RefusalPart):
            yield part.refusal


def _texts_beside(extra: dict[str, Any]) -> Iterator[str]:
    """All else that the model may be shown: a template decides what of it, and what is not counted
    here is not held."""
    yield text_of_extras(extra)
    for name in ("name", "tool_call_id", "reasoning_content"):
        yield extra.get(name, "")
    calls = list(extra.get("tool_calls", ()))
    if "function_call" in extra:
        calls.append({"function": extra["function_call"]})
    for call in calls:
        function = call.get("function")
        if isinstance(function, dict):
            odd = {name: each for name, each in function.items() if not _is_counted(name, each)}
        else:
            odd = function
        more = {name: each for name, each in call.items() if name not in USUAL_OF_A_CALL}
        if isinstance(id := call.get("id"), str):
            yield id
        elif id is not None:
            more["id"] = id
        if call.get("type", "function") != "function":
            more["type"] = call["type"]
        if odd or more:
            yield msgspec.json.encode([odd, more]).decode()


def _is_counted(name: str, value: Any) -> bool:
    return name in ("name", "arguments") and isinstance(value, str)


def _without_nothing(wire: dict[str, Any]) -> dict[str, Any]:
    """Some relays refuse fields that are null, but a call of tools has no content."""
    plain: dict[str, Any] = msgspec.to_builtins(wire)
    if isinstance(plain["content"], list):
        plain["content"] = [_clean(part) for part in plain["content"]]
    return plain


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _clean(each) for name, each in value.items() if each is not None}
    return value
