"""Reading a request for a chat completion: what is passed on, and what is refused by name."""

import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from chat.completions.errors import ProgramError
from chat.completions.messages import read_messages
from chat.relay.types import RelayMessage

MAX_TOOLS = 128
MAX_STOPS = 4
MOST_TOKENS = 1_000_000
TOOL_TYPES = ("function", "custom")
SERVICE_TIERS = ("auto", "default", "flex")

Text = Annotated[str, Meta(max_length=1_000)]
Tokens = Annotated[int, Meta(ge=1, le=MOST_TOKENS)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
Objects = Annotated[list[dict[str, Any]], Meta(max_length=MAX_TOOLS)]


class StreamOptions(Struct, forbid_unknown_fields=True):
    """What a stream brings beside the answer."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class CompletionRequest(Struct, forbid_unknown_fields=True):
    """The body of a request. A field that is null counts as left out."""

    model: Annotated[str, Meta(min_length=1, max_length=200)]
    messages: Annotated[list[msgspec.Raw], Meta(min_length=1, max_length=10_000)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    n: int | None = None
    # Passed on to the relay as they are.
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: Annotated[int, Meta(ge=0)] | None = None
    min_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    stop: str | Annotated[list[str], Meta(max_length=MAX_STOPS)] | None = None
    seed: int | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    repetition_penalty: float | None = None
    logit_bias: dict[str, float] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    tools: Objects | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    functions: Objects | None = None
    function_call: str | dict[str, Any] | None = None
    response_format: dict[str, Any] | None = None
    reasoning_effort: Text | None = None
    verbosity: Text | None = None
    thinking: dict[str, Any] | None = None
    enable_thinking: bool | None = None
    chat_template_kwargs: dict[str, Any] | None = None
    user: Text | None = None
    safety_identifier: Text | None = None
    prompt_cache_key: Text | None = None
    service_tier: Text | None = None
    # Taken, and of no effect here.
    metadata: dict[str, str] | None = None
    store: bool | None = None
    modalities: list[Literal["text"]] | None = None


PASSED_ON = [
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "stop",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "repetition_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "functions",
    "function_call",
    "response_format",
    "reasoning_effort",
    "verbosity",
    "thinking",
    "enable_thinking",
    "chat_template_kwargs",
    "user",
    "safety_identifier",
    "prompt_cache_key",
    "service_tier",
]
REFUSED = {
    "audio": "Answers are text; audio is not offered.",
    "prediction": "Predicted outputs are not offered.",
    "web_search_options": "The relay's web search is not offered.",
    "best_of": "One answer is given to a request.",
    "echo": "This belongs to the older completions; put the text into a message.",
    "prompt": "This belongs to the older completions; put the text into `messages`.",
    "suffix": "This belongs to the older completions.",
}
"""Parameters that are known and not offered, each with the reason."""


class Asked(Struct, frozen=True):
    """A request that was read. `options` go to the relay as they are."""

    model: str
    prompt: tuple[RelayMessage, ...]
    options: dict[str, Any]
    max_tokens: int | None = None
    stream: bool = False
    include_usage: bool = False


_decoder = msgspec.json.Decoder(CompletionRequest)
LONGEST_SAID = 500
"""Characters of a fault that are told: a name or a value in it may be as long as the body."""
_PATH = re.compile(r" - at `(.+)`$")
_UNKNOWN = re.compile(r"Object contains unknown field `(.+?)`")


def read_request(body: bytes | str) -> Asked:
    """Read the body of a request, or raise ProgramError with the path of what is wrong."""
    try:
        request = _decoder.decode(body)
        prompt = read_messages(request.messages)
    except msgspec.ValidationError as error:
        raise _explained(str(error)) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ProgramError("bad_frame", f"The body is not JSON: {error}", param="$") from None
    if request.n not in (None, 1):
        raise ProgramError(
            "unsupported_value", "One answer is given to a request: `n` must be 1.", param="n"
        )
    _refuse_what_costs_apart(request)
    options = request.stream_options
    return Asked(
        model=request.model,
        prompt=prompt,
        options={
            name: value for name in PASSED_ON if (value := getattr(request, name)) is not None
        },
        max_tokens=request.max_completion_tokens or request.max_tokens,
        stream=bool(request.stream),
        include_usage=bool(options and options.include_usage),
    )


def _refuse_what_costs_apart(request: CompletionRequest) -> None:
    """What a relay does for other money than that of its tokens is neither held nor charged."""
    for number, tool in enumerate(request.tools or ()):
        if tool.get("type", "function") not in TOOL_TYPES:
            raise ProgramError(
                "unsupported_value",
                "The relay's own tools are not offered, only functions of yours.",
                param=f"$.tools[{number}].type",
            )
    if request.service_tier not in (None, *SERVICE_TIERS):
        raise ProgramError(
            "unsupported_value",
            f"`service_tier` may be {', '.join(SERVICE_TIERS)}: others cost more than the price.",
            param="service_tier",
        )


def _explained(text: str) -> ProgramError:
    if len(text) > LONGEST_SAID:
        return ProgramError("bad_frame", f"{text[:LONGEST_SAID]}…", param="$")
    found = _PATH.search(text)
    path = found[1] if found else "$"
    unknown = _UNKNOWN.search(text)
    if unknown is None:
        return ProgramError("bad_frame", f"{_PATH.sub('', text)} (at {path}).", param=path)
    name = unknown[1]
    if path == "$" and name in REFUSED:
        return ProgramError("unsupported_value", f"`{name}`: {REFUSED[name]}", param=name)
    place = name if path == "$" else f"{path}.{name}"
    return ProgramError(
        "unknown_parameter",
        f"`{place}` is not a parameter of this door. Leave it out.",
        param=place,
    )
