"""The truth meter on a real server: a relay that adds a fifth, one that swaps, an honest one."""

from contextlib import closing
from pathlib import Path

import pytest

from tests.servers import TramServer
from tests.socket_client import SocketClient

QUICK = ("--tokens-per-second", "0", "--first-token-seconds", "0", "--count-by-model")
PROMPTS = ("A long text", "Một bài viết dài", "写一篇长篇文章", "A table of numbers", "Short")
TURNS = 20


async def alerts_after(
    folder: Path, template: Path, turns: int, *options: str
) -> list[tuple[str, str, str, str]]:
    """The alerts that so many turns raise at a relay with these options."""
    # Another name than that of the scripted relay, whose counts are nobody's tokens.
    site = TramServer(folder, template, relay_options=(*QUICK, *options), relay_name="station")
    with site as server:
        with closing(server.sign_in("alice")) as client:
            headers = server.socket_headers(client)
            async with await SocketClient.open(server.ws_url, headers) as alice:
                for number in range(turns):
                    accepted = await alice.chat(PROMPTS[number % 5], model="gpt-4.1")
                    assert (await alice.done(accepted["turn"]))["state"] == "completed"
        server.terminate()
        return server.rows("select kind, relay, model, detail from chat_relayalert")


@pytest.mark.slow
async def test_an_honest_relay_raises_nothing(server_template: Path, tmp_path: Path) -> None:
    assert await alerts_after(tmp_path, server_template, TURNS) == []


async def test_a_relay_that_adds_a_fifth_is_noticed(server_template: Path, tmp_path: Path) -> None:
    found = await alerts_after(tmp_path, server_template, TURNS, "--inflate", "1.2")
    assert [row[:3] for row in found] == [("usage_drift", "station", "gpt-4.1")]
    assert "1.2" in found[0][3]


@pytest.mark.slow
async def test_a_relay_that_answers_as_another_model_is_noticed(
    server_template: Path, tmp_path: Path
) -> None:
    found = await alerts_after(tmp_path, server_template, 2, "--answer-as", "gpt-4.1-mini")
    assert [row[:3] for row in found] == [("model_swapped", "station", "gpt-4.1")]
