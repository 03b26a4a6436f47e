"""Row 43: an interrupt before the first byte stops at once, and costs what may have been begun."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import psutil
import pytest

from tests.faults import oracle
from tests.faults.door import Door
from tests.faults.evidence import Evidence
from tests.faults.relays import FaultyRelays
from tests.faults.stage import CANARY_KEY, Stage, faulty_server, on_stage
from tests.faults.waiting import until
from tests.servers import TramServer
from tests.socket_client import Frame

AT_ONCE_SECONDS = 1.0
GOOD, BUSY, NO_HEAD, SILENT, HANG = "none", "busy", "no-head", "silent", "hang"


@dataclass
class Scene:
    """How a turn is brought to the point where it is interrupted, and what it then costs."""

    name: str
    bring: Callable[[Stage, Door], Awaitable[Frame]]
    charge: Literal["nothing", "prompt"]
    requests: int
    charge_on_websocket: Literal["nothing", "prompt"] | None = None
    others: int = 0
    """Turns at the same relay that came before."""


async def queued(stage: Stage, door: Door) -> Frame:
    first = await stage.ask(f"fault-{HANG}")
    await stage.alice.first_text(first["turn"])
    second = await stage.ask(f"fault-{HANG}")
    await stage.alice.wait_for(
        lambda frame: (
            frame["type"] == "notice"
            and (frame["turn"], frame["code"]) == (second["turn"], "waiting")
            and frame["position"] == 1
        )
    )
    return second


async def connecting(stage: Stage, door: Door) -> Frame:
    await door.shut()
    accepted = await stage.ask(f"fault-{GOOD}")
    await until(lambda: connections(stage.server, door.port, psutil.CONN_SYN_SENT))
    return accepted


async def not_a_word(stage: Stage, door: Door) -> Frame:
    await door.mute()
    accepted = await stage.ask(f"fault-{GOOD}")
    await until(lambda: door.heard_bytes)
    return accepted


async def before_the_head(stage: Stage, door: Door) -> Frame:
    return await _until_asked(stage, f"fault-{NO_HEAD}")


async def before_the_first_token(stage: Stage, door: Door) -> Frame:
    return await _until_asked(stage, f"fault-{SILENT}")


async def between_two_tries(stage: Stage, door: Door) -> Frame:
    accepted = await stage.ask(f"fault-{BUSY}")
    await stage.alice.wait_for(
        lambda frame: frame["type"] == "notice" and frame["code"] == "retrying"
    )
    return accepted


async def _until_asked(stage: Stage, model: str) -> Frame:
    accepted = await stage.ask(model)
    while not await stage.requests(model):
        await asyncio.sleep(0.01)
    return accepted


SCENES = (
    Scene("queued", queued, "nothing", 0, others=1),
    Scene("connecting", connecting, "nothing", 0),
    # Over WebSocket the question waits for the handshake, so it was never asked.
    Scene("not-a-word", not_a_word, "prompt", 0, charge_on_websocket="nothing"),
    Scene("before-the-head", before_the_head, "prompt", 1),
    Scene("before-the-first-token", before_the_first_token, "prompt", 1),
    Scene("between-two-tries", between_two_tries, "nothing", 1),
)


def connections(server: TramServer, port: int, status: str) -> int:
    """How many connections of the server to a port of loopback are in a state."""
    found = psutil.Process(server.pid).net_connections("tcp")
    return sum(bool(c.raddr) and c.raddr.port == port and c.status == status for c in found)


@dataclass
class Interrupted:
    """A turn, and how long the person waited from the interrupt to the end."""

    turn: Evidence
    seconds: float


@pytest.fixture(scope="module")
def interrupted(
    transport: str, faulty_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Interrupted]:
    """Play every scene, one after the other, on one server that reaches its relay by a door."""
    folder = tmp_path_factory.mktemp(f"interrupts-{transport}")
    return asyncio.run(_play(folder, faulty_template, transport))


async def _play(folder: Path, template: Path, transport: str) -> dict[str, Interrupted]:
    found = {}
    relays = FaultyRelays(folder, CANARY_KEY, (GOOD, BUSY, NO_HEAD, SILENT, HANG))
    with relays:
        async with Door(urlsplit(relays.addresses[GOOD]).port) as door:
            setting = relays.setting.replace(f":{door.to_port}/", f":{door.port}/")
            env = {"MAX_STREAMS_PER_KEY": "1"}
            server = faulty_server(folder / "data", template, transport, setting, env)
            try:
                await asyncio.to_thread(server.start)
                async with on_stage(server, relays) as stage:
                    for scene in SCENES:
                        await door.open()
                        accepted = await scene.bring(stage, door)
                        found[scene.name] = await _interrupt(stage, scene, accepted)
                        await _interrupt_others(stage)
                    left = (psutil.CONN_SYN_SENT, psutil.CONN_CLOSE_WAIT)
                    await until(lambda: not any(connections(server, door.port, s) for s in left))
                await asyncio.to_thread(oracle.the_books_balance, server)
            finally:
                server.close()
    return found


async def _interrupt(stage: Stage, scene: Scene, accepted: Frame) -> Interrupted:
    asked_ns = time.monotonic_ns()
    await stage.alice.send(type="interrupt", turn=accepted["turn"])
    await stage.alice.done(accepted["turn"])
    turn = await stage.witness(accepted, after=scene.others)
    return Interrupted(turn, (turn.done_ns - asked_ns) / 1e9)


async def _interrupt_others(stage: Stage) -> None:
    for turn_id in [each for each, seen in stage.alice.turns.items() if seen.done is None]:
        await stage.alice.send(type="interrupt", turn=turn_id)
        await stage.alice.done(turn_id)


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_an_interrupt_before_the_first_byte_is_row_43(
    scene: Scene, interrupted: Mapping[str, Interrupted], transport: str
) -> None:
    turn, seconds = interrupted[scene.name].turn, interrupted[scene.name].seconds
    assert (turn.done["state"], turn.done.get("error")) == ("interrupted", None)
    assert seconds < AT_ONCE_SECONDS
    assert turn.message["content"] == ""

    charge = scene.charge
    if transport == "websocket" and scene.charge_on_websocket:
        charge = scene.charge_on_websocket
    tokens = (turn.settlement["prompt_tokens"], turn.settlement["completion_tokens"])
    assert tokens == (oracle.counted_tokens(turn) if charge == "prompt" else (0, 0))
    assert turn.turn["cost_nano_usd"] == oracle.cost_nano_usd(sum(tokens))
    assert turn.done["quality"] == "estimated"
    assert len(turn.requests) == scene.requests

    oracle.the_text_seen_is_the_text_stored(turn)
    oracle.it_ended_once(turn)
    oracle.money_moved_once(turn)
    oracle.the_attempts_add_up(turn)
    oracle.the_relay_was_let_go(turn)
