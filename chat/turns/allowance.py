"""How much of an answer its hold still pays for."""

from billing.money import TOKENS_PER_PRICE
from billing.tokens import count_tokens
from chat.services.ending import TOKENS_PER_MESSAGE
from chat.services.intents import Admitted

FREE = 10**9
"""Tokens left where the model costs nothing: as good as no end."""


class Allowance:
    """Counts a turn's text against its hold. Pure: prices and hold were pinned at admission."""

    def __init__(self, admitted: Admitted) -> None:
        self._admitted = admitted
        self._prompt_tokens: int | None = None

    def tokens_left(self, generated: str) -> int:
        """How many more tokens may come before their estimated cost reaches the hold."""
        admitted = self._admitted
        if admitted.output_nano_usd_per_million == 0:
            return FREE
        if self._prompt_tokens is None:
            self._prompt_tokens = sum(
                count_tokens(message.content, admitted.model) + TOKENS_PER_MESSAGE
                for message in admitted.prompt
            )
        paid = (
            admitted.hold_nano_usd * TOKENS_PER_PRICE
            - self._prompt_tokens * admitted.input_nano_usd_per_million
        )
        affordable = paid // admitted.output_nano_usd_per_million
        return affordable - count_tokens(generated, admitted.model)
