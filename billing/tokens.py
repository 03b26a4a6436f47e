"""Counting tokens without the relay, offline."""

import logging
from collections.abc import Callable
from functools import cache

logger = logging.getLogger(__name__)

O200K = "o200k_base"
CL100K = "cl100k_base"
BYTES_PER_TOKEN = 4
"""Of English text, for the fallback where the tokenizer's package is missing."""

_O200K_PREFIXES = ("gpt-4o", "gpt-4.1", "gpt-4.5", "gpt-5", "o1", "o3", "o4", "chatgpt-4o")
_CL100K_PREFIXES = ("gpt-4", "gpt-3.5")


def encoding_of(model: str) -> str:
    """The vocabulary to count with; o200k_base stands in for models that are not OpenAI's."""
    name = model.rsplit("/", 1)[-1].lower()
    if name.startswith(_O200K_PREFIXES):
        return O200K
    return CL100K if name.startswith(_CL100K_PREFIXES) else O200K


def is_exact(model: str) -> bool:
    """Whether `count_tokens` counts as the model itself does."""
    name = model.rsplit("/", 1)[-1].lower()
    return name.startswith(_O200K_PREFIXES + _CL100K_PREFIXES) and _counter() is not None


def count_tokens(text: str, model: str) -> int:
    """How many tokens the text is for the model.

    Exact for OpenAI's models. For the others the count by o200k_base, which is near for prose and
    code of models with a vocabulary of 100,000 to 260,000 entries, and low for smaller ones.
    Special tokens in the text count as the plain text they are. Lone surrogates count as the
    replacement character.
    """
    if not text:
        return 0
    counter = _counter()
    if counter is None:
        return -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)
    try:
        return counter(text, encoding_of(model))
    except UnicodeEncodeError:
        clean = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return counter(clean, encoding_of(model))


@cache
def _counter() -> Callable[[str, str], int] | None:
    """The tokenizer, loaded at first use (a fifth of a second, some 80 MB); None when missing."""
    try:
        import toktok
    except ImportError:
        logger.warning("tokenizer_missing", extra={"fallback": "bytes / 4"})
        return None
    batch_count: Callable[..., list[int]] = toktok.batch_count
    # One thread: the pool that calls us is the bound on parallel work.
    return lambda text, encoding: batch_count([text], encoding, threads=1)[0]
