"""Relays that mean ill: a named error, the key never shown, the books exact, the next turn fine."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from chat.relay.address_guard import AddressRefused, resolve
from chat.relay.demo import DemoRelay
from chat.relay.settings import RelaySettings
from chat.relay.transports.base import Transport
from chat.relay.transports.http import RelayHTTP
from chat.relay.transports.sse import SSETransport
from chat.relay.transports.websocket import WebSocketTransport
from chat.relay.types import ChatRequest, RelayMessage
from tests.faults import oracle
from tests.faults.evidence import Evidence
from tests.faults.relays import FaultyRelays
from tests.faults.stage import CANARY_KEY, Stage, faulty_server, on_stage
from tests.servers import TramServer

TURN_SECONDS = 4.0
GOOD = "fault-none"
SAY = {"act": "say", "tokens": 8}
END = ({"act": "finish"}, {"act": "done"}, {"act": "end"})


def _error(message: str, kind: str = "invalid_request_error") -> dict[str, Any]:
    return {"error": {"message": message, "type": kind}}


@dataclass(frozen=True)
class Trick:
    """What the relay does to as many requests as `times`, and what becomes of the turn."""

    name: str
    acts: tuple[dict[str, Any], ...]
    code: str = ""
    charge: Literal["nothing", "counted", "report"] = "nothing"
    times: int = 1
    after_seconds: float = 0.0
    reported_tokens: int = 0
    anomaly: str = ""
    on_websocket: bool = True


TRICKS = (
    # A WebSocket is refused at its handshake; see the tests of the transport.
    Trick(
        "redirects",
        (
            {
                "act": "status",
                "status": 307,
                "body": "",
                "headers": {"Location": "http://127.0.0.1:9/v1/chat/completions"},
            },
        ),
        "relay_protocol",
        on_websocket=False,
    ),
    Trick(
        "quotes the key in a refusal",
        (
            {
                "act": "status",
                "status": 401,
                "body": _error(f"Incorrect API key provided: {CANARY_KEY}", "invalid_api_key"),
                "close_code": 1008,
            },
        ),
        "relay_auth",
    ),
    Trick(
        "quotes the key in a failure",
        ({"act": "status", "status": 500, "body": _error(f"no {CANARY_KEY}", "server_error")},),
        "relay_unavailable",
        times=3,
    ),
    Trick(
        "quotes the key in the middle",
        (SAY, {"act": "event", "text": f'{{"error": {{"message": "Bearer {CANARY_KEY}"}}}}'}),
        "relay_error",
        "counted",
    ),
    Trick(
        "trickles",
        ({"act": "trickle", "bytes_each": 1, "pause_seconds": 0.5}, {"act": "say"}, *END),
        "relay_timeout",
        "counted",
        after_seconds=TURN_SECONDS - 0.5,
    ),
    Trick(
        "reports more than it sent",
        (SAY, END[0], {"act": "report", "tokens": 500}, *END[1:]),
        charge="report",
        reported_tokens=500,
    ),
    Trick(
        "reports what nobody can believe",
        (SAY, END[0], {"act": "report", "tokens": 10**11}, *END[1:]),
        charge="counted",
        anomaly="usage_absurd",
    ),
    Trick("finishes without a word", (*END,), charge="counted"),
)


@dataclass
class Played:
    """The turn of each trick, and the ordinary one after it."""

    transport: str
    server: TramServer
    turns: Mapping[str, tuple[Evidence, Evidence]]


@pytest.fixture(scope="module")
def played(
    transport: str, faulty_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Played]:
    """Play every trick on one server, one after the other."""
    folder = tmp_path_factory.mktemp(f"hostile-{transport}")
    env = {
        "RELAY_TURN_TIMEOUT_SECONDS": str(TURN_SECONDS),
        "RETRY_DELAY_MS": "50",
    }
    with (
        FaultyRelays(folder, CANARY_KEY, ["none"]) as relays,
        faulty_server(folder / "data", faulty_template, transport, relays.setting, env) as server,
    ):
        yield Played(transport, server, asyncio.run(_play(server, relays, transport)))


async def _play(
    server: TramServer, relays: FaultyRelays, transport: str
) -> dict[str, tuple[Evidence, Evidence]]:
    found = {}
    async with on_stage(server, relays) as stage:
        for trick in TRICKS:
            if transport == "sse" or trick.on_websocket:
                await stage.queue(GOOD, list(trick.acts), trick.times)
                found[trick.name] = (await _turn(stage), await _turn(stage))
    return found


async def _turn(stage: Stage) -> Evidence:
    before = len(await stage.requests(GOOD))
    return await stage.witness(await stage.ask(GOOD), after=before)


@pytest.mark.parametrize("trick", TRICKS, ids=lambda trick: trick.name)
def test_a_trick_ends_well(trick: Trick, played: Played) -> None:
    if trick.name not in played.turns:
        return
    turn, next_turn = played.turns[trick.name]
    assert (turn.done.get("error") or {}).get("code", "") == trick.code
    assert turn.done["state"] == ("failed" if trick.code else "completed")
    assert trick.after_seconds <= turn.seconds < TURN_SECONDS + 4
    assert len(turn.requests) == trick.times
    tokens = (turn.settlement["prompt_tokens"], turn.settlement["completion_tokens"])
    if trick.charge == "report":
        assert tokens == (turn.requests[0].prompt_tokens, trick.reported_tokens)
    else:
        assert tokens == (oracle.counted_tokens(turn) if trick.charge == "counted" else (0, 0))
    assert turn.turn["cost_nano_usd"] == oracle.cost_nano_usd(sum(tokens))
    assert turn.turn["anomaly"] == trick.anomaly
    assert next_turn.done["state"] == "completed"
    for each in (turn, next_turn):
        oracle.the_text_seen_is_the_text_stored(each)
        oracle.it_ended_once(each)
        oracle.money_moved_once(each)
        oracle.the_attempts_add_up(each)
        oracle.the_relay_was_let_go(each)


def test_the_key_is_never_shown_and_the_books_balance(played: Played) -> None:
    frames = [str(each.frames) for turns in played.turns.values() for each in turns]
    oracle.nobody_saw(CANARY_KEY, frames, played.server.data_dir)
    oracle.the_books_balance(played.server)


async def test_a_name_that_turns_private_is_not_connected_to(transport: str) -> None:
    """Between the look that judged it and the connection, the name leads elsewhere."""
    async with DemoRelay(keys=frozenset({CANARY_KEY})) as relay:
        answers = iter((["10.1.2.3"], ["127.0.0.1"]))

        async def lookup(host: str, port: int) -> list[str]:
            return next(answers)

        networks = ("10.0.0.0/8",)
        assert await resolve("relay.example", relay.port, networks, lookup=lookup) == ["10.1.2.3"]
        settings = RelaySettings(
            name="turns",
            base_url=f"http://relay.example:{relay.port}/v1",
            ws_url=f"ws://relay.example:{relay.port}/v1/chat/completions",
            api_key=CANARY_KEY,
            networks=networks,
        )
        made: Transport = (
            SSETransport(settings, RelayHTTP(settings, lookup))
            if transport == "sse"
            else WebSocketTransport(settings, lookup)
        )
        request = ChatRequest("gpt-4.1", (RelayMessage("user", "Hello?"),), 10)
        with pytest.raises(AddressRefused) as refused:
            async for _ in made.stream(request):
                pass
        assert (refused.value.code, refused.value.sent) == ("relay_protocol", False)
        assert CANARY_KEY not in str(refused.value)
        assert relay.requests == ()
        await made.aclose()
