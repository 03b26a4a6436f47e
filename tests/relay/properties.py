"""What holds for whatever a relay sends: checked by the tests, and for longer by the fuzz run."""

from __future__ import annotations

import asyncio

from chat.relay.types import Delta, Finish, RelayEvent, UsageReport
from tests.relay.conftest import text_of
from tests.relay.frames import chunk
from tests.relay.in_memory import read_frames
from tests.relay.loopback import frame
from tests.relay.reading import read
from tests.relay.wires import cut, fragmented

SPLITS = 20


def events_do_not_depend_on_where_bytes_are_cut(wire: bytes, seed: int) -> None:
    whole = read(wire)
    _require_events(whole[0])
    for number in range(SPLITS):
        assert read(*cut(wire, seed + number)) == whole


def events_do_not_depend_on_where_frames_are_cut(
    loop: asyncio.AbstractEventLoop, wire: bytes, seed: int
) -> None:
    loop.run_until_complete(_frames(wire, seed))


async def _frames(wire: bytes, seed: int) -> None:
    whole = await read_frames([wire])
    _require_events(whole[0])
    for number in range(SPLITS):
        assert await read_frames(cut(wire, seed + number)) == whole


def text_survives_fragments(loop: asyncio.AbstractEventLoop, texts: list[str], seed: int) -> None:
    """However the relay fragments its messages, and however many come in one read."""
    said = [fragmented(chunk(text), 1, seed + number) for number, text in enumerate(texts)]
    wire = b"".join((*said, frame(chunk("", "stop"))))
    for pieces in ([wire], cut(wire, seed)):
        events, code = loop.run_until_complete(asyncio.wait_for(read_frames(pieces), 60))
        assert (text_of(events), code) == ("".join(texts), "")


def _require_events(events: list[RelayEvent]) -> None:
    for event in events:
        assert isinstance(event, Delta | UsageReport | Finish)
        if isinstance(event, Delta):
            (event.content + event.reasoning).encode()
