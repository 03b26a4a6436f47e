"""What a relay's list says that a model can do. Each kind of server has its own place for it."""

from __future__ import annotations

from typing import Any

import msgspec

# No model of use has less, none has more; another number is something else, or a lie.
MIN_CONTEXT_TOKENS = 256
MAX_CONTEXT_TOKENS = 100_000_000
MAX_WORDS = 100

_CONTEXT_NAMES = (
    "context_length",  # OpenRouter and many relays
    "max_model_len",  # vLLM
    "context_window",  # Groq
    "loaded_context_length",  # LM Studio: what it is run with, before what it could have
    "max_context_length",  # Mistral, LM Studio
    "max_input_tokens",  # Anthropic, LiteLLM
)
_VISION_NAMES = ("supports_vision", "supports_image_input", "vision", "image_input")
_REASONING_NAMES = ("supports_reasoning", "reasoning", "thinking")
_IMAGE_WORDS = {"image", "images", "vision", "image_input", "multimodal"}
_REASONING_WORDS = {
    "reasoning",
    "thinking",
    "include_reasoning",
    "reasoning_effort",
    "reasoning-effort",
}


class Capabilities(msgspec.Struct, frozen=True):
    """What a model can do; None = the relay does not say. `context_tokens`: how many tokens
    prompt and answer may have together."""

    context_tokens: int | None = None
    vision: bool | None = None
    reasoning: bool | None = None


SILENT = Capabilities()


def read_capabilities(item: Any) -> Capabilities:
    """Read one entry of a `/models` document. What makes no sense counts as not said."""
    if not isinstance(item, dict):
        return SILENT
    return Capabilities(_context_tokens(item), _vision(item), _reasoning(item))


def _context_tokens(item: dict[Any, Any]) -> int | None:
    info, meta = _inner(item, "model_info"), _inner(item, "meta")
    said = [place.get(name) for place in (item, info) for name in _CONTEXT_NAMES]
    said.append(meta.get("n_ctx"))  # llama.cpp
    return next((number for number in said if _is_context(number)), None)


def _is_context(number: Any) -> bool:
    return type(number) is int and MIN_CONTEXT_TOKENS <= number <= MAX_CONTEXT_TOKENS


def _vision(item: dict[Any, Any]) -> bool | None:
    said = _flag(item, _VISION_NAMES)
    if said is not None:
        return said
    inputs = (
        _inner(item, "architecture").get("input_modalities"),  # OpenRouter, llama.cpp
        item.get("input_modalities"),
        item.get("supported_input_modalities"),
        _inner(item, "modalities").get("input"),
        item.get("modalities"),
    )
    for words in inputs:
        if isinstance(words, list) and _words(words):
            return not _IMAGE_WORDS.isdisjoint(_words(words))
    if not _IMAGE_WORDS.isdisjoint(_words(item.get("capabilities"))) or item.get("type") == "vlm":
        return True
    return None


def _reasoning(item: dict[Any, Any]) -> bool | None:
    said = _flag(item, _REASONING_NAMES)
    if said is not None:
        return said
    parameters = _words(item.get("supported_parameters"))
    if parameters:
        return not _REASONING_WORDS.isdisjoint(parameters)
    # A list of abilities that lacks one may only be short.
    return True if not _REASONING_WORDS.isdisjoint(_words(item.get("capabilities"))) else None


def _flag(item: dict[Any, Any], names: tuple[str, ...]) -> bool | None:
    """Return the first plain yes or no under one of the names, where servers put such words."""
    for place in (item, _inner(item, "capabilities"), _inner(item, "model_info")):
        for name in names:
            value = place.get(name)
            if isinstance(value, dict):
                value = value.get("supported")
            if isinstance(value, bool):
                return value
    return None


def _inner(item: dict[Any, Any], name: str) -> dict[Any, Any]:
    value = item.get(name)
    return value if isinstance(value, dict) else {}


def _words(value: Any) -> frozenset[str]:
    if not isinstance(value, list):
        return frozenset()
    return frozenset(word.lower() for word in value[:MAX_WORDS] if isinstance(word, str))
