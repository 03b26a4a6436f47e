"""The rows of faults between processes (docs/faults.md) as data, each with how it is played."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec

from tests.faults.nodes import asking, clocks, coming_back, dying, money, services
from tests.faults.nodes.play import Play

Charge = Literal["relay", "counted", "either"]


class Row(msgspec.Struct, frozen=True):
    """What must be true after the play, of every turn and for every reader of it.

    `states` are those that the turn may end in, `code` is that of the error. A completed turn has
    all the text that the relay generated, any other one the beginning of it. The ledger: charged as
    the relay's own log says (`relay`), by our count (`counted`), or either. `let_go`: the relay saw
    the close within a second of the end; elsewhere before the next row.
    """

    number: int
    play: Callable[[Play], Awaitable[None]]
    states: tuple[str, ...] = ("completed",)
    code: str = ""
    charge: Charge = "relay"
    let_go: bool = True
    turns: int = 1

    @property
    def name(self) -> str:
        """The row in a word or two."""
        return self.play.__name__.replace("_", "-")


def _lost(number: int, play: Callable[[Play], Awaitable[None]], *, let_go: bool = True) -> Row:
    """The owner is gone: what it had shown stays, and is charged by our count."""
    return Row(number, play, ("orphaned",), "restarting", "counted", let_go)


def _stopped(number: int, play: Callable[[Play], Awaitable[None]]) -> Row:
    return Row(number, play, ("interrupted",), charge="counted")


TABLE = (
    Row(23, coming_back.never_reads),
    Row(24, coming_back.back_in_the_middle),
    Row(25, coming_back.back_after_the_end),
    Row(26, coming_back.second_tab),
    Row(27, coming_back.cut_again_and_again),
    Row(28, coming_back.back_at_another_node),
    Row(29, services.redis_restarts),
    Row(30, services.without_redis),
    Row(31, services.postgresql_restarts),
    Row(32, services.postgresql_stays_away, ("failed",), "storage_unavailable", "counted"),
    _lost(33, dying.killed_while_it_writes),
    _lost(35, dying.killed_before_the_commit),
    Row(36, dying.killed_after_the_commit),
    Row(
        37,
        asking.replaced_one_by_one,
        ("completed", "interrupted"),
        code="restarting",
        charge="either",
        let_go=False,
        turns=asking.STREAMS,
    ),
    _lost(38, dying.paused_and_woken, let_go=False),
    Row(39, asking.one_id_at_two_nodes),
    _stopped(41, asking.many_interrupts),
    _stopped(44, services.stopped_without_redis),
    Row(45, clocks.clock_jumps, turns=2),
    Row(46, money.refused_for_money),
    Row(49, money.limit_lowered),
    Row(50, money.price_edited, charge="either", turns=2),
    Row(51, asking.signed_out),
    Row(55, dying.stands_still),
)
