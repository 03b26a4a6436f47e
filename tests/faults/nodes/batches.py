"""A batch in whose middle processes die: each line is answered once, each turn is paid once.

Run as ``python -m tests.faults.nodes.batches --lines 1000``: first one process on SQLite, then two
nodes on PostgreSQL. Prints one JSON line for each; exits with status 1 when a line has no answer or
two, when money differs or is still held.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import httpx
import msgspec

from tests.cluster import Node
from tests.faults.nodes.standing import MODEL, standing_clusters, tell
from tests.servers import TramServer, make_template

CONCURRENCY = 5
PATIENCE_SECONDS = 900.0
LOOK_SECONDS = 0.1
TEMPO = ("--tokens-per-second", "200", "--first-token-seconds", "0.05")
LINES = """
select l.state, count(*), sum(l.tries), max(l.tries), sum(l.cost_nano_usd)
from chat_batchline l group by l.state
"""
TURNS = """
select t.state, count(*), sum(t.cost_nano_usd) from chat_turn t
join chat_conversation c on c.id = t.conversation_id where c.source = 'batch' group by t.state
"""
ANSWERED_BY_ANOTHER = """
select count(*) from chat_batchline l join chat_turn t on t.id = l.turn_id
where l.state = 'answered' and t.state != 'completed'
"""
SHARED_TURNS = "select count(*) - count(distinct turn_id) from chat_batchline"
SETTLED = "select count(*), coalesce(sum(cost_nano_usd), 0) from billing_settlement"
CAPTURED = "select coalesce(sum(amount_nano_usd), 0) from billing_transfer where kind = 'capture'"
HELD = "select coalesce(sum(held_nano_usd), 0) from billing_budget"
BATCH = "select state, cost_nano_usd, prompt_tokens, completion_tokens from chat_batch"


class Site(Protocol):
    """What the proof asks of a server or of a cluster."""

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Read its database."""

    def manage(self, *arguments: str) -> str:
        """Run one of its commands."""


class Found(msgspec.Struct):
    """The figures of one proof; `wrong` is what must not be, in sentences."""

    site: str
    lines: int
    killed: int
    seconds: float
    answered: int
    turns: dict[str, int]
    most_tries: int
    relay_requests: int
    cost_nano_usd: int
    settled_nano_usd: int
    held_nano_usd: int
    wrong: list[str]


def lines_of_json(count: int) -> str:
    """So many different prompts with names."""
    asked = ({"id": f"p{n}", "prompt": f"Say something short about {n}."} for n in range(count))
    return "\n".join(json.dumps(each) for each in asked)


def begin(client: httpx.Client, count: int, concurrency: int = CONCURRENCY) -> str:
    """Send a batch; gives its id."""
    answer = client.post(
        f"/api/batches?model={MODEL}&concurrency={concurrency}",
        content=lines_of_json(count),
        headers={"Content-Type": "application/x-ndjson"},
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def progress(site: Site) -> tuple[int, str]:
    """How many lines are answered, and how the batch stands."""
    query = "select lines_answered, state from chat_batch"
    answered, state = site.rows(query)[0]
    return int(answered), str(state)


def work_through(site: Site, kills: Sequence[tuple[int, Callable[[], None]]]) -> None:
    """Wait for the end, and do each of `kills` as soon as so many lines are answered."""
    ahead = list(kills)
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while True:
        answered, state = progress(site)
        if ahead and answered >= ahead[0][0]:
            ahead.pop(0)[1]()
        elif state == "finished":
            assert not ahead, "the batch ended before everybody had died"
            return
        assert time.monotonic() < give_up_at, f"{answered} lines are answered, {state}"
        time.sleep(LOOK_SECONDS)


def look(site: Site, name: str, *, requests: int, seconds: float, killed: int = 1) -> Found:
    """Read what is stored, and say what must not be."""
    lines = {row[0]: [int(value) for value in row[1:]] for row in site.rows(LINES)}
    turns = {row[0]: (int(row[1]), int(row[2])) for row in site.rows(TURNS)}
    state, cost, _prompt_tokens, _completion_tokens = site.rows(BATCH)[0]
    settlements, settled = (int(value) for value in site.rows(SETTLED)[0])
    total = sum(row[0] for row in lines.values())
    answered, tries = lines.get("answered", [0])[0], sum(row[1] for row in lines.values())
    found = Found(
        site=name,
        lines=total,
        killed=killed,
        seconds=round(seconds, 1),
        answered=answered,
        turns={name: count for name, (count, _) in turns.items()},
        most_tries=max(row[2] for row in lines.values()),
        relay_requests=requests,
        cost_nano_usd=int(cost),
        settled_nano_usd=settled,
        held_nano_usd=int(site.rows(HELD)[0][0]),
        wrong=[],
    )
    all_turns = sum(count for count, _ in turns.values())
    expected = {
        "state": (state, "finished"),
        "answered lines": (answered, total),
        "completed turns": (turns.get("completed", (0, 0))[0], total),
        "turns as there were tries": (all_turns, tries),
        "lines that share a turn": (int(site.rows(SHARED_TURNS)[0][0]), 0),
        "lines answered by a turn that was cut": (int(site.rows(ANSWERED_BY_ANOTHER)[0][0]), 0),
        "settlements": (settlements, all_turns),
        "cost of the lines": (sum(row[3] for row in lines.values()), settled),
        "cost of the turns": (sum(cost for _, cost in turns.values()), settled),
        "cost of the batch": (int(cost), settled),
        "captured in the ledger": (int(site.rows(CAPTURED)[0][0]), settled),
        "held": (found.held_nano_usd, 0),
    }
    found.wrong = [
        f"{what}: {is_} instead of {should}"
        for what, (is_, should) in expected.items()
        if is_ != should
    ]
    if not all_turns >= requests >= total:
        found.wrong.append(f"{requests} requests of the relay for {all_turns} turns")
    site.manage("verifyledger")
    return found


def on_sqlite(folder: Path, template: Path, count: int) -> Found:
    """One process dies in the middle and is started again."""
    log = folder / "requests.jsonl"
    options = (*TEMPO, "--log", str(log))
    with TramServer(folder, template, relay_options=options) as server:

        def die() -> None:
            server.kill()
            server.start()

        began = time.monotonic()
        with closing(server.sign_in("bob")) as client:
            begin(client, count)
        work_through(server, [(count // 2, die)])
        seconds = time.monotonic() - began
        requests = _requests(log)
        return look(server, "SQLite, one process", requests=requests, seconds=seconds)


def on_postgresql(count: int) -> Found:
    """Of two nodes the one that has the batch dies, then the other one."""
    with (
        standing_clusters() as clusters,
        clusters.make(nodes=2, relay_options=TEMPO) as cluster,
    ):
        died: list[Node] = []

        def die() -> None:
            owner = cluster.rows("select node from chat_batch")[0][0]
            pids = {node.pid: node for node in cluster if node.running()}
            victim = pids[int(owner.split(":")[1])]
            for node in died:
                node.start()
            died.append(victim)
            victim.kill()

        began = time.monotonic()
        begin(cluster.sign_in("bob"), count)
        work_through(cluster, [(count // 3, die), (2 * count // 3, die)])
        seconds = time.monotonic() - began
        requests = len(cluster.relay.requests())
        name = "PostgreSQL, two nodes"
        return look(cluster, name, requests=requests, seconds=seconds, killed=2)


def _requests(log: Path) -> int:
    return log.read_text().count("\n")


def main() -> int:
    """Play both and say what was found."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, default=1000)
    wished = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tram-batches-") as folder:
        template = make_template(Path(folder) / "template")
        found = [on_sqlite(Path(folder) / "site", template, wished.lines)]
        tell(**msgspec.structs.asdict(found[0]))
    found.append(on_postgresql(wished.lines))
    tell(**msgspec.structs.asdict(found[1]))
    return int(any(each.wrong for each in found))


if __name__ == "__main__":
    sys.exit(main())
