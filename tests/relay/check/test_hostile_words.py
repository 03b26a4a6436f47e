"""What a hostile relay says in a check is shown, and does nothing."""

from collections.abc import Callable

from chat.relay.settings import RelaySettings
from tests.relay.check.trying import check
from tests.relay.loopback import Loopback, respond

MODELS = {"data": [{"id": "gpt-4.1"}]}


async def test_what_a_relay_says_is_no_command_to_a_terminal(
    loopback: Loopback, settings_for: Callable[..., RelaySettings]
) -> None:
    hostile = "broken\x1b]0;title\x07\x1b[2J\nrelay: ready \u202e\0"
    loopback.scripts = [
        respond(200, MODELS),
        respond(400, {"error": {"message": hostile}}),
        respond(400, {"error": {"message": hostile}}),
    ]
    steps = await check(settings_for(transport="sse"))
    assert steps["sse"].status == "failed"
    assert steps["sse"].detail.startswith("broken ]0;title")
    assert all(f"{step.sentence}{step.detail}".isprintable() for step in steps.values())
