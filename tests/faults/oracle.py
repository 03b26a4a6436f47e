"""The oracle: what must hold of every turn and of the whole site, whatever went wrong.

Each function is one invariant and fails with what contradicts it. They know nothing of rows.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from billing.tokens import count_tokens
from chat.relay.demo.record import RequestRecord
from tests.faults.evidence import Evidence
from tests.servers import TramServer

CLOSE_SECONDS = 1.0
"""A relay sees the end of a turn's connection this soon after the end of the turn."""
PRICE_NANO_USD_PER_MILLION = 8 * 10**9
TOKENS_PER_MESSAGE, TOKENS_PER_PROMPT = 4, 3
"""What a chat template adds around each message, by our own count."""


def the_text_seen_is_the_text_stored(turn: Evidence) -> None:
    """I1, I2: the client checked order and offsets of each chunk; its whole text is the stored."""
    assert turn.seen.content == turn.message["content"]
    assert turn.seen.reasoning == turn.message["reasoning"]
    sha256 = hashlib.sha256(turn.message["content"].encode()).hexdigest()
    assert turn.done["sha256"] == turn.turn["sha256"] == sha256


def it_ended_once(turn: Evidence) -> None:
    """I3: one terminal state, one terminal event, and the two agree."""
    kinds = [frame["type"] for frame in turn.frames]
    assert kinds.count("done") == 1, kinds[-12:]
    assert turn.frames[-1]["type"] == "done", "something followed the end"
    assert turn.done["state"] == turn.turn["state"] != "running"
    error = turn.done.get("error") or {"code": "", "message": ""}
    assert (error["code"], error["message"]) == (
        turn.turn["error_code"],
        turn.turn["error_message"],
    )


def money_moved_once(turn: Evidence) -> None:
    """I7: one hold, at most one capture, one release; together they are what is told."""
    amounts = {row["kind"]: row["amount_nano_usd"] for row in turn.transfers}
    kinds = [row["kind"] for row in turn.transfers]
    assert kinds in (["hold", "release"], ["hold", "capture", "release"]), kinds
    cost = amounts.get("capture", 0)
    assert cost == turn.turn["cost_nano_usd"] == turn.done["cost_nano_usd"]
    assert cost == turn.settlement["cost_nano_usd"]
    assert amounts["release"] == max(0, amounts["hold"] - cost)
    assert turn.done["quality"] == turn.turn["quality"] == turn.settlement["quality"]


def the_attempts_add_up(turn: Evidence) -> None:
    """What the tries cost is what the turn cost, and each that reached the relay is in its log."""
    assert sum(row["cost_nano_usd"] for row in turn.attempts) == turn.turn["cost_nano_usd"]
    assert [row["number"] for row in turn.attempts] == list(range(1, len(turn.attempts) + 1))


def the_relay_was_let_go(turn: Evidence) -> None:
    """I9: no answer goes on at the relay for a turn that has ended."""
    latest_ns = turn.done_ns + CLOSE_SECONDS * 1e9
    for record in turn.requests:
        assert record.state != "open"
        assert record.ended_monotonic_ns is not None
        assert record.ended_monotonic_ns <= latest_ns, record


def the_books_balance(server: TramServer) -> None:
    """I4, I6: caches equal the fold of the ledger; nothing is held when nothing runs."""
    server.manage("verifyledger")
    assert server.rows("select count(*) from chat_turn where state = 'running'") == [(0,)]
    assert server.rows("select sum(held_nano_usd) from billing_budget") == [(0,)]
    moved = dict(
        server.rows(
            "select kind, sum(amount_nano_usd) from billing_transfer "
            "where kind in ('hold', 'capture', 'release') group by kind"
        )
    )
    beyond = server.rows(
        "select coalesce(sum(t.amount_nano_usd - h.amount_nano_usd), 0) from billing_transfer t "
        "join billing_hold h on h.subject = t.subject where t.kind = 'capture' and t.overrun"
    )[0][0]
    assert moved.get("hold", 0) == moved.get("capture", 0) + moved.get("release", 0) - beyond


def no_team_spent_what_it_had_not(server: TramServer) -> None:
    """I5: at each row of the ledger, what a team paid and holds is within what it was granted,
    but for what a relay billed beyond a hold. Without corrections: those come later."""
    granted: dict[str, int] = defaultdict(int)
    spent: dict[str, int] = defaultdict(int)
    open_holds: dict[str, int] = {}
    rows = server.rows(
        "select team_id, kind, subject, amount_nano_usd from billing_transfer "
        "where kind <> 'correction' order by id"
    )
    for team, kind, subject, amount in rows:
        if kind in ("grant", "adjustment"):
            granted[team] += amount if kind == "grant" else -amount
        elif kind == "hold":
            open_holds[subject] = amount
            spent[team] += amount
        elif kind == "capture":
            # Within the hold it only changes from held to paid.
            spent[team] += max(0, amount - open_holds[subject])
            open_holds[subject] = max(0, open_holds[subject] - amount)
        else:
            spent[team] -= open_holds.pop(subject)
        assert spent[team] <= granted[team], (team, kind, subject)
    assert not open_holds


def nobody_saw(secret: str, texts: Iterable[str], folder: Path) -> None:
    """I11: a secret is in no text that a person gets, in no log and no table."""
    assert [text[:200] for text in texts if secret in text] == []
    needle = secret.encode()
    found = [
        str(path) for path in folder.rglob("*") if path.is_file() and needle in path.read_bytes()
    ]
    assert found == []


def relay_cost_nano_usd(requests: Iterable[RequestRecord]) -> int:
    """What the relay's own log bills for a turn."""
    return sum(record.cost_nano_usd or 0 for record in requests)


def counted_tokens(turn: Evidence, prompts_sent: int = 1) -> tuple[int, int]:
    """What we count of a turn without a report: tokens of the prompt, and of the text."""
    prompt = count_tokens(turn.prompt, turn.model) + TOKENS_PER_MESSAGE + TOKENS_PER_PROMPT
    text = turn.message["reasoning"] + turn.message["content"]
    return prompt * prompts_sent, count_tokens(text, turn.model)


def cost_nano_usd(tokens: int) -> int:
    """The price of so many tokens, rounded up once."""
    return -(-tokens * PRICE_NANO_USD_PER_MILLION // 1_000_000)
