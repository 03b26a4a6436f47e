"""Alice and Bob of one team, who send from many places at once, and each of whose sends costs the
same to hold; and what the ledger says of it, row by row."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.cluster import Cluster
from tests.faults.nodes.play import until
from tests.faults.nodes.purse import Order, Outcome, Purse
from tests.socket_client import Frame, SocketClient

MODEL = "gpt-4.1"
PEOPLE = ("alice", "bob")
CONVERSATIONS = 2
"""Of each person."""
SOCKETS = 2
"""Of each person at each node: of one socket 32 commands are worked on at a time."""
PATIENCE_SECONDS = 200.0
"""For the answer to one of many sends, on a machine that has other work."""
QUESTION = "How many people does a tram carry?"
LEAST_ANSWER = 256
"""Tokens: an answer that is never shortened to fit."""
SLOWLY = ("--tokens-per-second", "1", "--first-token-seconds", "0.2")
"""A relay with which an answer takes four minutes: nobody is done while the others still ask."""
RUNNING = "select count(*) from chat_turn where state = 'running'"


class Place(NamedTuple):
    """Where to ask: below the one answer of a conversation, so that all prompts are the same."""

    person: str
    conversation: str
    parent: str


@dataclass
class Crowd:
    """Two people with sockets at every node. `hold_nano_usd` is what each of their sends holds."""

    cluster: Cluster
    team: str = ""
    hold_nano_usd: int = 0
    places: list[Place] = field(default_factory=list)
    people: dict[str, int] = field(default_factory=dict)
    sockets: dict[tuple[str, int], list[SocketClient]] = field(default_factory=dict)
    _sent: int = 0
    _purse: Purse | None = None

    async def gather(self) -> Crowd:
        """Begin the conversations, and find out what a send holds."""
        await self.connect()
        for person in PEOPLE:
            for _ in range(CONVERSATIONS):
                await self._begin(person)
        asked = [await self.send(place, 0) for place in self.places]
        query = "select hold_nano_usd from chat_turn where id = %s"
        holds = {self.cluster.rows(query, each["turn"])[0][0] for each in asked}
        assert len(holds) == 1, holds
        self.hold_nano_usd = int(holds.pop())
        await self.stop(asked)
        return self

    async def connect(self) -> None:
        """Open sockets at every node that runs, where there are none."""
        for person in PEOPLE:
            for at, node in enumerate(self.cluster):
                if (person, at) not in self.sockets and node.running():
                    opened = [await self.cluster.open(person, at) for _ in range(SOCKETS)]
                    self.sockets[person, at] = opened

    async def disconnect(self, at: int) -> None:
        """Forget the sockets of a node that is no more."""
        for person in PEOPLE:
            for socket in self.sockets.pop((person, at), ()):
                await socket.close()

    async def send(self, place: Place, at: int) -> Frame:
        """Ask at a node; gives `accepted` or the refusal."""
        self._sent += 1
        socket, id = self.sockets[place.person, at][self._sent % SOCKETS], str(uuid.uuid4())
        after = len(socket.frames)
        await socket.send(
            type="chat",
            id=id,
            content=QUESTION,
            model=MODEL,
            conversation=place.conversation,
            parent=place.parent,
            options={"max_tokens": LEAST_ANSWER},
        )
        answer = await socket.wait_for(
            lambda frame: frame["type"] in ("accepted", "error") and frame.get("id") == id,
            after=after,
            seconds=PATIENCE_SECONDS,
        )
        return answer | {"at": at, "person": place.person}

    async def send_many(
        self, times: int, chance: random.Random, *, patient: bool = True
    ) -> list[Frame]:
        """So many sends at once, at all nodes, in all conversations by turns and in any order.

        If not `patient`, a send whose socket breaks is `lost`; it may have been taken or not.
        """
        nodes = sorted({at for _, at in self.sockets})
        wanted = [
            (self.places[n % len(self.places)], nodes[n // len(self.places) % len(nodes)])
            for n in range(times)
        ]
        chance.shuffle(wanted)
        answers = await asyncio.gather(
            *(self.send(*each) for each in wanted), return_exceptions=not patient
        )
        return [{"type": "lost"} if isinstance(each, BaseException) else each for each in answers]

    async def stop(self, accepted: list[Frame]) -> None:
        """Stop these turns, and wait until nothing runs any more."""
        for each in accepted:
            for socket in self.sockets.get((each["person"], each["at"]), ())[:1]:
                await socket.send(type="interrupt", turn=each["turn"])
        await until(lambda: self.cluster.rows(RUNNING) == [(0,)])

    async def order(self, **fields: Any) -> list[str]:
        """Have an administrator do something about the team's money; gives what is wrong then."""

        def done() -> Outcome:
            self._purse = self._purse or Purse(self.cluster)
            return self._purse.do(Order(team=uuid.UUID(self.team), **fields))

        return (await asyncio.to_thread(done)).differences

    async def close(self) -> None:
        """Close all sockets and the purse."""
        if self._purse is not None:
            self._purse.close()
        for sockets in self.sockets.values():
            for socket in sockets:
                await socket.close()

    async def _begin(self, person: str) -> None:
        socket = self.sockets[person, 0][0]
        accepted = await socket.chat("Say hello", model=MODEL, options={"max_tokens": 1})
        assert accepted["type"] == "accepted", accepted
        await socket.done(accepted["turn"])
        query = (
            "select team_id::text, requester_id, assistant_message_id::text from chat_turn "
            "where id = %s"
        )
        team, self.people[person], parent = self.cluster.rows(query, accepted["turn"])[0]
        assert self.team in ("", team), "they are of one team"
        self.team = team
        self.places.append(Place(person, accepted["conversation"], parent))


_ROWS = """
select t.id, b.id, b.limit_id is null, b.granted_nano_usd, t.kind, t.amount_nano_usd, t.subject
from billing_transfer t join billing_hold h on h.subject = t.subject
join billing_holdbudget hb on hb.hold_id = h.id join billing_budget b on b.id = hb.budget_id
left join billing_limit l on l.id = b.limit_id where b.is_hard and l.ended_at is null
union all
select t.id, b.id, true, b.granted_nano_usd, t.kind, t.amount_nano_usd, ''
from billing_transfer t join billing_budget b on b.team_id = t.team_id and b.limit_id is null
where t.kind in ('grant', 'adjustment')
order by 1, 2
"""


def overrun_nano_usd(cluster: Cluster) -> int:
    """I5: the most by which any hard budget was exceeded after any row of the ledger, by its ids.

    The limits in force must be as they were set; credit counts with the grants up to the row.
    """
    granted: dict[int, int] = defaultdict(int)
    used: dict[int, int] = defaultdict(int)
    held: dict[tuple[int, str], int] = {}
    worst = 0
    for _, budget, is_credit, bound, kind, amount, subject in cluster.rows(_ROWS):
        if kind in ("grant", "adjustment"):
            granted[budget] += amount if kind == "grant" else -amount
            # Taking credit back may leave less than is used: nobody spends by that.
            continue
        if kind == "hold":
            held[budget, subject] = amount
            used[budget] += amount
        elif kind == "capture":
            more = max(0, amount - held[budget, subject])
            held[budget, subject] -= amount - more
            used[budget] += more
        else:
            used[budget] -= held.pop((budget, subject))
        if kind != "release":
            worst = max(worst, used[budget] - (granted[budget] if is_credit else bound))
    return worst


def leaks(cluster: Cluster) -> dict[str, Any]:
    """What is still held where nothing runs: nano-USD in budgets, and holds without settlement."""
    held = "select coalesce(sum(abs(held_nano_usd)), 0)::bigint from billing_budget"
    unsettled = (
        "select count(*) from billing_hold h where not exists "
        "(select 1 from billing_settlement s where s.hold_id = h.id)"
    )
    nobodys = (
        "select count(*) from billing_hold h where not exists "
        "(select 1 from chat_turn t where 'turn:' || t.id = h.subject)"
    )
    names = ("held_nano_usd", "holds_not_settled", "holds_of_no_turn")
    queries = (held, unsettled, nobodys)
    found = (int(cluster.rows(query)[0][0]) for query in queries)
    return {name: count for name, count in zip(names, found, strict=True) if count}
