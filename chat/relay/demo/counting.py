"""What the demo relay reports as usage: its pieces, or tokens of the model; honestly or not."""

import math
from collections.abc import Sequence

import msgspec

from chat.relay.demo.order import ChatMessage
from chat.relay.demo.pieces import count_prompt_tokens

_TEMPLATE_TOKENS_EACH = 4
_TEMPLATE_TOKENS_ALL = 3
_OLDER = ("gpt-4-", "gpt-3.5")


class Counting(msgspec.Struct, frozen=True):
    """How one relay counts.

    `inflation` multiplies all that is reported. With `by_model` an OpenAI model's own vocabulary
    counts, and the template's tokens around each message; without, one piece is one token.
    """

    inflation: float = 1.0
    by_model: bool = False

    def prompt(self, model: str, messages: Sequence[ChatMessage]) -> int:
        """Count what was sent to the relay."""
        contents = [message.content for message in messages]
        if not self.by_model:
            return math.ceil(count_prompt_tokens(contents) * self.inflation)
        template = _TEMPLATE_TOKENS_EACH * len(contents) + _TEMPLATE_TOKENS_ALL
        return math.ceil((sum(_tokens(contents, model)) + template) * self.inflation)

    def answer(self, model: str, pieces: int, said: Sequence[str]) -> int:
        """Count what the relay generated: so many pieces, joined the text."""
        tokens = _tokens(["".join(said)], model)[0] if self.by_model else pieces
        return math.ceil(tokens * self.inflation)


def _tokens(texts: list[str], model: str) -> list[int]:
    # Not at the top: the vocabulary takes 80 MB that a relay which counts pieces does not need.
    import toktok

    older = model == "gpt-4" or model.startswith(_OLDER)
    counts: list[int] = toktok.batch_count(
        texts, "cl100k_base" if older else "o200k_base", threads=1
    )
    return counts
