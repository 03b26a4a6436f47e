"""How much of an answer its hold still pays for."""

from billing.money import BASIS_POINTS, TOKENS_PER_PRICE
from billing.tokens import count_tokens
from chat.services.attempts import count_prompt
from chat.services.intents import Admitted, PromptMessage, what_options_say

FREE = 10**9
"""Tokens left where the model costs nothing: as good as no end."""


class Allowance:
    """Counts a turn's text against its hold: what every try sent, and what came of all of them.

    Pure: prices and hold were pinned at admission.
    """

    def __init__(self, admitted: Admitted) -> None:
        self._admitted = admitted
        self._sent_tokens: int | None = None

    def tokens_left(self, generated: str) -> int:
        """How many more tokens may come before their estimated cost reaches the hold.

        `generated` is the text of all tries together.
        """
        admitted = self._admitted
        factor = BASIS_POINTS + admitted.markup_basis_points
        a_token = admitted.output_nano_usd_per_million * factor
        if a_token == 0:
            return FREE
        paid = (
            admitted.hold_nano_usd * TOKENS_PER_PRICE * BASIS_POINTS
            - self._prompts() * admitted.input_nano_usd_per_million * factor
        )
        affordable = paid // a_token
        return affordable - count_tokens(generated, admitted.model)

    def send_also(self, prompt: tuple[PromptMessage, ...]) -> None:
        """Count the prompt of one more try that will be billed beside the earlier ones."""
        self._sent_tokens = self._prompts() + count_prompt(prompt, self._admitted.model)

    def _prompts(self) -> int:
        if self._sent_tokens is None:
            prompt = (*self._admitted.prompt, *what_options_say(self._admitted.options))
            self._sent_tokens = count_prompt(prompt, self._admitted.model)
        return self._sent_tokens
