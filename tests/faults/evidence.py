"""What three witnesses say of a turn: the person's client, the database, and the relay's log."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
from psycopg.rows import dict_row

from chat.relay.demo.acts import AnyAct, Flood, Say, Text
from chat.relay.demo.casting import answer_for
from chat.relay.demo.faults import FAULT_PREFIX, script_named
from chat.relay.demo.offering import model_for
from chat.relay.demo.order import ChatMessage, Order
from chat.relay.demo.pieces import cut
from chat.relay.demo.record import RequestRecord
from tests.cluster import Cluster
from tests.socket_client import Frame, SeenTurn

Fields = dict[str, Any]


class Evidence(msgspec.Struct, kw_only=True):
    """One turn. Times are of `time.monotonic_ns()`, which the relay's log shares."""

    prompt: str
    model: str
    asked_ns: int
    done_ns: int
    frames: list[Frame]
    seen: SeenTurn
    turn: Fields
    message: Fields
    transfers: list[Fields]
    settlement: Fields
    attempts: list[Fields]
    requests: list[RequestRecord]

    @property
    def seconds(self) -> float:
        """From the person's send to the end that she saw."""
        return (self.done_ns - self.asked_ns) / 1e9

    @property
    def done(self) -> Frame:
        """The end as the person saw it."""
        assert self.seen.done is not None
        return self.seen.done

    @property
    def notices(self) -> tuple[str, ...]:
        """Codes of what the person was told meanwhile, in order, each once."""
        return tuple(dict.fromkeys(f["code"] for f in self.frames if f["type"] == "notice"))

    def generated(self) -> str:
        """All text that the relay sent before it saw the close, by its log and its script."""
        return "".join(self._pieces()[: self.requests[-1].tokens_generated])

    def whole_answer(self) -> str:
        """All text that the relay's script says, sent or not."""
        return "".join(self._pieces())

    def before_the_fault(self) -> str | None:
        """The text that the script says before it misbehaves; None where it does so throughout."""
        said = [act.tokens for act in self._acts() if isinstance(act, Say) and act.tokens]
        return "".join(self._pieces()[: said[0]]) if said else None

    def _acts(self) -> tuple[AnyAct, ...]:
        script = script_named(self.model) if self.model.startswith(FAULT_PREFIX) else None
        # A script for one attempt only is followed by the ordinary answer.
        played = script is not None and script.name == self.requests[-1].script
        return script.acts if script is not None and played else ()

    def _pieces(self) -> list[str]:
        order = Order(self.model, (ChatMessage("user", self.prompt),), True, None, True)
        model = model_for(self.model)
        assert model is not None
        for act in self._acts():
            if isinstance(act, Text):
                return cut(act.text)
            if isinstance(act, Flood):
                return [act.text] * self.requests[-1].tokens_generated
        return [piece.text for piece in answer_for(order, model)]


def stored(data_dir: Path, turn_id: str) -> dict[str, Any]:
    """What an embedded site's database holds of a turn."""
    with closing(sqlite3.connect(data_dir / "tram.sqlite3", timeout=20)) as connection:
        connection.row_factory = sqlite3.Row

        def rows(query: str, value: Any) -> list[Fields]:
            return [dict(row) for row in connection.execute(query + " = ?", (value,)).fetchall()]

        return _gather(rows, turn_id.replace("-", ""), turn_id)


def stored_in_cluster(cluster: Cluster, turn_id: str) -> dict[str, Any]:
    """What a cluster's database holds of a turn."""
    with cluster.connect() as connection, connection.cursor(row_factory=dict_row) as cursor:

        def rows(query: str, value: Any) -> list[Fields]:
            return cursor.execute(f"{query} = %s".encode(), (value,)).fetchall()

        return _gather(rows, turn_id, turn_id)


def _gather(rows: Callable[[str, Any], list[Fields]], key: str, turn_id: str) -> dict[str, Any]:
    """`rows` selects where a column is a value; `key` is the turn's id as the database has it."""
    subject = f"turn:{turn_id}"
    turn = rows("select * from chat_turn where id", key)[0]
    transfers = rows("select * from billing_transfer where subject", subject)
    attempts = rows("select * from chat_attempt where turn_id", key)
    return {
        "turn": turn,
        "message": rows("select * from chat_message where id", turn["assistant_message_id"])[0],
        "transfers": sorted(transfers, key=lambda row: row["id"]),
        "settlement": rows("select * from billing_settlement where subject", subject)[0],
        "attempts": sorted(attempts, key=lambda row: row["number"]),
    }
