"""Our side of a reconciliation: the tries of turns, at the relay's price, as corrected so far."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from billing.costs import Used, exact_cost, sold
from billing.models import ReconciliationFinding, RunState, Settlement
from billing.reconciliation_matching import Tried

SUBJECTS_AT_ONCE = 400


@dataclass(frozen=True, slots=True)
class AttemptFacts:
    """One try of a turn at any relay, as its keeper offers it. `billed`: something was settled."""

    subject: str
    attempt: int
    relay: str
    model: str
    began_at: datetime
    ended_at: datetime
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int | None
    billed: bool
    request_id: str = ""
    reasoning_tokens: int | None = None
    images: int = 0

    @property
    def used(self) -> Used:
        """What it used, to be priced."""
        tokens = (self.prompt_tokens, self.completion_tokens, self.cached_tokens)
        return Used(*tokens, self.reasoning_tokens, self.images)


@dataclass(frozen=True)
class Ours:
    """The tries at one relay, and whose they are. `elsewhere` names the other relays that a turn
    paid too: it is reconciled by the bills of all. `corrected_at_relay`: by how many nano-USD the
    relay cost of each turn had been corrected when this was read."""

    tried: tuple[Tried, ...]
    teams: Mapping[str, UUID]
    corrected_at_relay: Mapping[str, int]
    elsewhere: Mapping[str, frozenset[str]]


def ours_at(relay: str, attempts: Iterable[AttemptFacts]) -> Ours:
    """All tries at a relay. `attempts` are all of their turns, those at other relays too."""
    turns: dict[str, list[AttemptFacts]] = defaultdict(list)
    for each in attempts:
        turns[each.subject].append(each)
    tried: list[Tried] = []
    teams: dict[str, UUID] = {}
    corrected_at_relay: dict[str, int] = {}
    for subjects in _chunks(list(turns)):
        settlements = Settlement.objects.select_related("hold__price_version")
        # Before the findings: one that is written in between makes the turn stale, not wrong.
        rows = list(settlements.filter(subject__in=subjects))
        corrected = _corrected(subjects)
        for row in rows:
            teams[row.subject] = row.team_id
            corrected_at_relay[row.subject] = row.relay_corrected_nano_usd
            tries = sorted(turns[row.subject], key=lambda each: each.attempt)
            for facts, mine in zip(tries, _priced(row, tries), strict=True):
                if facts.relay == relay:
                    tried.append(_as_corrected(mine, corrected.get((row.subject, facts.attempt))))
    others = {
        subject: frozenset(each.relay for each in tries if each.billed and each.relay != relay)
        for subject, tries in turns.items()
    }
    elsewhere = {subject: relays for subject, relays in others.items() if relays}
    return Ours(tuple(tried), teams, corrected_at_relay, elsewhere)


def _priced(row: Settlement, tries: Sequence[AttemptFacts]) -> Iterator[Tried]:
    """Each at what it adds to the relay's price of those before it: together the settlement's."""
    price = row.hold.price_version
    last = max((each.attempt for each in tries if each.billed), default=-1)
    exact = before = 0
    for each in tries:
        cost = 0
        if each.billed:
            exact += exact_cost(each.used, price)
            upto = min(sold(exact), row.relay_cost_nano_usd)
            upto = row.relay_cost_nano_usd if each.attempt == last else upto
            cost, before = upto - before, upto
        yield Tried(
            each.subject,
            each.attempt,
            each.model,
            each.began_at,
            each.ended_at,
            each.prompt_tokens,
            each.completion_tokens,
            each.cached_tokens,
            cost,
            each.billed,
            each.request_id,
            price,
        )


def _corrected(subjects: Sequence[str]) -> dict[tuple[str, int], ReconciliationFinding]:
    """What earlier runs made of these tries, the last one of each."""
    rows = ReconciliationFinding.objects.filter(subject__in=subjects, settled=True)
    rows = rows.exclude(attempt=None).exclude(run__state=RunState.DRY).order_by("id")
    return {(row.subject, row.attempt or 0): row for row in rows}


def _as_corrected(tried: Tried, finding: ReconciliationFinding | None) -> Tried:
    if finding is None:
        return tried
    return replace(
        tried,
        prompt_tokens=finding.theirs_prompt_tokens,
        completion_tokens=finding.theirs_completion_tokens,
        cached_tokens=finding.theirs_cached_tokens,
        cost_nano_usd=finding.theirs_nano_usd,
        # What a bill did not have is charged no more, and not looked for again.
        billed=bool(finding.reference),
    )


def _chunks(subjects: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(subjects), SUBJECTS_AT_ONCE):
        yield subjects[start : start + SUBJECTS_AT_ONCE]
