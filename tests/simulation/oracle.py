"""What must be true after a run, whatever went wrong in it: for each turn, each tab, each node."""

from __future__ import annotations

from tests.simulation.node import BEAT_SECONDS, LEASE_SECONDS
from tests.simulation.rows import TurnRow, short
from tests.simulation.tab import Tab
from tests.simulation.world import World

TERMINAL = {"completed", "interrupted", "failed", "budget_stopped", "orphaned"}
HARMLESS = ("bus", "lines", "wall")
"""Faults in which a stop takes no longer than a beat."""
STOP_SECONDS = BEAT_SECONDS + 0.5
"""An interrupt closes the relay's stream this soon, whatever became of the bus."""


def judge(world: World) -> None:
    """Complain about each turn and each tab that contradicts an invariant."""
    for row in world.database.tables.turns.values():
        each_turn_is_settled_once(world, row)
    for tab in world.tabs:
        for held in tab.book.turns.values():
            the_end_was_told(world, tab, world.database.tables.turns[held.turn])
    no_relay_writes_for_an_ended_turn(world)
    interrupts_are_honoured(world)
    nobody_was_robbed(world)
    nobody_is_remembered(world)
    for error in world.trace.errors:
        world.complain("log", error)


def each_turn_is_settled_once(world: World, row: TurnRow) -> None:
    """I3, I6, I7: one terminal state, decided by one compare-and-set."""
    if row.state not in TERMINAL:
        world.complain("oracle", f"turn {short(row.id)} of {row.node} is still {row.state}")
    elif row.settled != 1:
        world.complain("oracle", f"turn {short(row.id)} was settled {row.settled} times")


def the_end_was_told(world: World, tab: Tab, row: TurnRow) -> None:
    """I1, I2, I3: who watches knows the one end, and holds the stored text."""
    held = tab.book.turns[row.id]
    if held.live:
        world.complain(tab.name, f"was never told the end of {short(row.id)} ({row.state})")
        return
    if set(held.states) != {row.state}:
        world.complain(tab.name, f"was told {held.states} of {short(row.id)}, not {row.state}")
    same = (held.content, held.reasoning) == (row.content, row.reasoning)
    if not same and not (row.completed_late and row.content.startswith(held.content)):
        lengths = f"{len(held.content)} and {len(row.content)} characters"
        world.complain(tab.name, f"holds another text of {short(row.id)} than stored: {lengths}")


def no_relay_writes_for_an_ended_turn(world: World) -> None:
    """I9: every stream that a living process opened is closed."""
    for stream in world.relay.open_streams():
        world.complain("oracle", f"the relay still writes for {short(stream.turn)}")


def interrupts_are_honoured(world: World) -> None:
    """A person's stop closes the relay within a beat, where nothing else went wrong then."""
    for at, turn in world.stops:
        if any(
            begin < at + STOP_SECONDS and at < end + 1
            for kind, begin, end in world.troubles
            if not kind.startswith(HARMLESS)
        ):
            continue
        streams = [stream for stream in world.relay.streams if stream.turn == turn]
        for stream in streams:
            if stream.closed_at is None or stream.closed_at > at + STOP_SECONDS:
                world.complain("oracle", f"{short(turn)} was stopped at {at:.3f}, and went on")


def nobody_was_robbed(world: World) -> None:
    """A turn is taken over only from a process whose lease had run out."""
    age_seconds = world.database.tables.least_age_seconds
    if age_seconds < LEASE_SECONDS:
        world.complain("oracle", f"a turn was taken from a lease {age_seconds:.2f} s old")


def nobody_is_remembered(world: World) -> None:
    """No node holds a turn that has ended."""
    for node in world.nodes:
        if node.process.alive and not node.ended and len(node.engine.hub):
            world.complain(node.name, f"still holds {len(node.engine.hub)} turns")
