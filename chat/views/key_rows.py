"""API keys as the pages show them, and the examples beside a new one."""

import json
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, timedelta

from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

from accounts.models import APIKey
from accounts.services.visible_keys import KeyState, state_of
from billing.room import Room, rooms_of_keys
from chat.queries.key_use import KeyUse, use_of_keys
from chat.views.key_form import SCOPES

STATES: dict[KeyState, str | Promise] = {
    "active": pgettext_lazy("state of an API key", "active"),
    "idle": pgettext_lazy("state of an API key", "asleep: its person is disabled"),
    "expired": pgettext_lazy("state of an API key", "expired"),
    "revoked": pgettext_lazy("state of an API key", "revoked"),
}
EXAMPLE_MODEL = "gpt-4.1"
_PYTHON = """\
import os
from openai import OpenAI

client = OpenAI(base_url={base}, api_key=os.environ["TRAM_API_KEY"])
answer = client.chat.completions.create(
    model={model},
    messages=[{{"role": "user", "content": "Hello"}}],
    max_tokens=50,
)
print(answer.choices[0].message.content)
"""


@dataclass(frozen=True)
class KeyRow:
    """One key of a list."""

    key: APIKey
    state: KeyState
    rooms: Sequence[Room]
    used: KeyUse

    @property
    def beginning(self) -> str:
        """The part of the key that is no secret."""
        return f"tram_{self.key.prefix}_…"

    @property
    def last_day(self) -> date | None:
        """The last day in UTC on which it works; None: it does not expire."""
        end = self.key.expires_at
        return (end.astimezone(UTC) - timedelta(microseconds=1)).date() if end else None

    @property
    def works(self) -> bool:
        """Whether it can still be used, or come to be used again."""
        return self.state in ("active", "idle")

    @property
    def state_words(self) -> str | Promise:
        """How it stands."""
        return STATES[self.state]

    @property
    def scopes(self) -> list[str | Promise]:
        """What it may do, in words."""
        return [words for scope, words in SCOPES.items() if scope in self.key.scopes]

    @property
    def models(self) -> str:
        """The models it may ask; empty: all."""
        return ", ".join(self.key.model_names)


def rows_of(keys: Iterable[APIKey]) -> list[KeyRow]:
    """Keys with how they stand, what they used, and what is left of their budgets."""
    found = list(keys)
    rooms, used = rooms_of_keys(found), use_of_keys([key.pk for key in found])
    return [
        KeyRow(key, state_of(key), rooms.get(key.pk, ()), used.get(key.pk, KeyUse()))
        for key in found
    ]


def examples(base_url: str, model: str) -> list[tuple[str, str]]:
    """How a program asks this site, by the names of programs; the key is not in them."""
    asked = {
        "model": model,
        "messages": [{"role": "user", "content": "Hello"}],
        # Whole answers are silent until the end, and small models talk on and on.
        "max_tokens": 50,
    }
    # Names of models hold no quotes, but who knows: they are quoted for their languages.
    body = shlex.quote(json.dumps(asked, ensure_ascii=False))
    curl = "\n".join(
        [
            f"curl {shlex.quote(base_url + '/chat/completions')} \\",
            '  -H "Authorization: Bearer $TRAM_API_KEY" \\',
            '  -H "Content-Type: application/json" \\',
            f"  -d {body}",
        ]
    )
    python = _PYTHON.format(base=json.dumps(base_url), model=json.dumps(model))
    return [("curl", curl), ("Python", python)]
