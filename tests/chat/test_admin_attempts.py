"""The attempts of a turn in the admin."""

from typing import Any

from django.test import Client

from billing.formatting import exact_usd
from chat.models import Attempt
from tests.chat import trees
from tests.people import Cast


def test_the_attempts_of_a_turn_stand_under_it(people: Cast) -> None:
    conversation = trees.conversation(people.team, people.alice)
    turn = trees.answer(conversation, trees.say(conversation, "Hello"), cost_nano_usd=873_214)
    client = Client()
    client.force_login(people.alice)
    common: dict[str, Any] = {"turn": turn, "model": "gpt-4.1", "sent": True}
    Attempt.objects.create(
        **common,
        number=1,
        relay="first",
        key_label="key 7",
        outcome="failed",
        status=503,
        error_code="relay_unavailable",
        error_detail="<b>out of order</b>",
    )
    Attempt.objects.create(
        **common,
        number=2,
        relay="second",
        transport="websocket",
        outcome="completed",
        finish_reason="stop",
        quality="reported",
        prompt_tokens=1234,
        completion_tokens=56,
        counted_prompt_tokens=1200,
        counted_completion_tokens=55,
        cost_nano_usd=873_214,
        ttft_ms=321,
        total_ms=4567,
    )
    page = client.get(f"/admin/chat/turn/{turn.pk}/change/").content.decode()
    for shown in ("first · key 7 · gpt-4.1", "503", "websocket", "1,234 · 56", "1,200 · 55"):
        assert shown in page
    assert "&lt;b&gt;out of order" in page
    assert "0 · 321 · 4,567" in page
    assert page.count(exact_usd(873_214)) == 2
    assert 'name="attempts-0-relay"' not in page
