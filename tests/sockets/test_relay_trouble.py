"""When the relay is down or refuses the key: a named error, nothing charged, nothing told."""

from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.servers import RELAY_KEY, TramServer
from tests.socket_client import SocketClient

CANARY = "hs_canary_7f3a9b"


async def open_as_alice(server: TramServer) -> SocketClient:
    with closing(server.sign_in("alice")) as signed_in:
        return await SocketClient.open(server.ws_url, server.socket_headers(signed_in))


async def test_a_refused_key_is_told_without_the_key(server_template: Path, tmp_path: Path) -> None:
    env = {"EMBEDDED_RELAY_KEY": CANARY}
    with TramServer(tmp_path, server_template, env) as server:
        async with await open_as_alice(server) as alice:
            error = await alice.chat("Hello", model="gpt-4.1")
            assert (error["type"], error["code"]) == ("error", "relay_auth")
            assert CANARY not in str(alice.frames)
        assert CANARY not in server.log
        assert server.rows("select count(*) from chat_turn") == [(0,)]


async def test_a_relay_that_goes_down_fails_the_turn_and_charges_nothing(
    server_template: Path, tmp_path: Path
) -> None:
    env = {"RETRY_DELAY_MS": "20"}
    with TramServer(tmp_path, server_template, env) as server:
        async with await open_as_alice(server) as alice:
            first = await alice.chat("Say something short", model="gpt-4.1")
            await alice.done(first["turn"])
            assert server.relay is not None
            server.relay.kill()
            second = await alice.chat("Say something short", model="gpt-4.1")
            done = await alice.done(second["turn"])
        assert (done["state"], done["error"]["code"]) == ("failed", "relay_unavailable")
        assert done["cost_nano_usd"] == 0
        assert [f for f in alice.frames if f["type"] == "notice" and f["code"] == "retrying"]
        assert server.rows("select sum(held_nano_usd) from billing_budget") == [(0,)]


async def test_no_relay_at_all_is_said(server_template: Path, tmp_path: Path) -> None:
    with TramServer(tmp_path, server_template, relay=False) as server:
        async with await open_as_alice(server) as alice:
            error = await alice.chat("Hello", model="gpt-4.1")
            assert error["code"] == "relay_unavailable"


@pytest.mark.slow
async def test_a_killed_server_settles_what_it_left_behind(
    server_template: Path, tmp_path: Path
) -> None:
    with TramServer(tmp_path, server_template) as server:
        alice = await open_as_alice(server)
        accepted = await alice.chat("Write something long", model="gpt-4.1")
        await alice.first_text(accepted["turn"])
        seq = alice.turns[accepted["turn"]].seq
        await alice.wait_for(lambda frame: frame["type"] == "chunk" and frame["seq"] > seq + 5)
        server.kill()
        await alice.close()
        held = alice.turns[accepted["turn"]].content

        server.start()
        back = await open_as_alice(server)
        await back.send(type="attach", conversation=accepted["conversation"], turn=accepted["turn"])
        done = await back.done(accepted["turn"])
        assert (done["state"], done["quality"]) == ("orphaned", "estimated")
        assert done["cost_nano_usd"] > 0
        assert back.turns[accepted["turn"]].content.startswith(held)
        assert server.rows("select sum(held_nano_usd) from billing_budget") == [(0,)]
        server.manage("verifyledger")
        await back.close()


@pytest.mark.slow
async def test_a_drained_server_settles_what_runs_before_it_ends(
    server_template: Path, tmp_path: Path
) -> None:
    with TramServer(tmp_path, server_template, {"DRAIN_SECONDS": "0.2"}) as server:
        alice = await open_as_alice(server)
        accepted = await alice.chat("Write something long", model="gpt-4.1")
        await alice.first_text(accepted["turn"])
        assert server.terminate() == 0
        assert await alice.wait_closed() == 4012
        await alice.close()
        states = server.rows("select state, quality from chat_turn")
        assert states == [("interrupted", "estimated")]
        assert server.rows("select sum(held_nano_usd) from billing_budget") == [(0,)]


async def test_of_two_relays_one_may_die(server_template: Path, tmp_path: Path) -> None:
    with ExitStack() as stack:
        quick = ("--tokens-per-second", "0", "--first-token-seconds", "0.01")
        one, two = (TramServer(tmp_path / name, relay_options=quick) for name in ("one", "two"))
        for each in (one, two):
            stack.callback(each.close)
            each.start_relay()
        env = {
            "EMBEDDED_RELAYS": f"one={one.relay_url},two={two.relay_url}",
            "EMBEDDED_RELAY_KEY": RELAY_KEY,
            "RETRY_DELAY_MS": "20",
        }
        server = TramServer(tmp_path / "site", server_template, env, relay=False)
        stack.enter_context(server)
        async with await open_as_alice(server) as alice:
            first = await alice.chat("Say something short", model="gpt-4.1")
            await alice.done(first["turn"])
            one.close()
            # Which of the two is asked first is chance; the dead one soon is not asked at all.
            for _ in range(20):
                turn = await alice.chat("Say something short", model="gpt-4.1")
                done = await alice.done(turn["turn"])
                assert (done["state"], done["quality"]) == ("completed", "reported")
        tried = server.rows(
            "select relay, outcome, sum(cost_nano_usd), count(*) from chat_attempt group by 1, 2"
        )
        paid = {relay: cost for relay, outcome, cost, _ in tried if outcome == "failed"}
        counts = {(relay, outcome): count for relay, outcome, _, count in tried}
        assert paid == {"one": 0}
        # Three tries of one turn, two of the next; then it is left alone.
        assert counts["one", "failed"] == 5
        assert counts["two", "completed"] + counts.get(("one", "completed"), 0) == 21
        assert [f for f in alice.frames if f["type"] == "notice" and f["code"] == "fallback"]
        assert server.rows("select count(*) from billing_settlement") == [(21,)]
        assert server.rows("select sum(held_nano_usd) from billing_budget") == [(0,)]
        server.manage("verifyledger")
