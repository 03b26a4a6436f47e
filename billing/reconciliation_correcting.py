"""Correcting one turn by a transfer, within one transaction and after its budgets are locked."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F

from billing import ledger
from billing.budgets import give_back, locked_budgets_of
from billing.models import (
    Hold,
    ReconciliationFinding,
    ReconciliationRun,
    Settlement,
    Transfer,
)
from billing.money import BASIS_POINTS, ceil_div, checked
from billing.reconciliation import Found


@dataclass(frozen=True)
class Correction:
    """By how much a turn's cost rose; negative: fell. `overrun`: it is now above its hold."""

    amount_nano_usd: int
    overrun: bool


def correct(
    run: ReconciliationRun,
    subject: str,
    findings: Sequence[Found],
    relay_corrected_nano_usd: int,
) -> Correction | None:
    """Make the turn cost what the relay asks, with its markup, and write down the findings.

    None, with the findings left open, where another run corrected the turn since its
    `relay_corrected_nano_usd` was read.
    """
    with transaction.atomic():
        hold = Hold.objects.select_related("transfer").get(subject=subject)
        # Budgets before accounts, as everywhere; rivals wait here, so what is read below decides.
        budgets = locked_budgets_of(hold)
        row = Settlement.objects.select_for_update(of=("self",)).get(subject=subject)
        if row.relay_corrected_nano_usd != relay_corrected_nano_usd:
            note = "Another run corrected this turn meanwhile. Reconcile again."
            _write(run, findings, settled=False, note=note)
            return None
        more_at_relay = sum(each.theirs_nano_usd - each.ours_nano_usd for each in findings)
        amount = _more(row, hold, more_at_relay)
        overrun = row.cost_nano_usd + row.corrected_nano_usd + amount > hold.amount_nano_usd
        transfer = None
        if amount or more_at_relay:
            # Of nothing, where the team's cost stays: it dates what the relay asks now.
            give_back(budgets, 0, amount)
            transfer = ledger.post_correction(
                hold,
                amount,
                key=f"correction:{run.pk}:{subject}",
                note=f"Reconciliation {run.pk} with {run.relay}"[:200],
                overrun=overrun and amount > 0,
            )
        Settlement.objects.filter(pk=row.pk).update(
            corrected_nano_usd=F("corrected_nano_usd") + amount,
            relay_corrected_nano_usd=F("relay_corrected_nano_usd") + more_at_relay,
            overrun=overrun,
        )
        _write(run, findings, settled=True, transfer=transfer)
    return Correction(amount, overrun)


def finding_of(
    run: ReconciliationRun,
    found: Found,
    *,
    settled: bool = False,
    transfer: Transfer | None = None,
    note: str = "",
) -> ReconciliationFinding:
    """The row of a finding, not yet stored."""
    if found.ours is None and found.subject:
        note = note or "No such try of ours is known, so nobody is charged. Ask the relay."
    row = ReconciliationFinding(
        run=run,
        cause=found.cause,
        subject=found.subject,
        ours_nano_usd=found.ours_nano_usd,
        theirs_nano_usd=found.theirs_nano_usd,
        settled=settled,
        transfer=transfer,
        note=note,
    )
    if found.ours is not None:
        row.attempt, row.model, row.at = found.ours.attempt, found.ours.model, found.ours.began_at
        row.ours_prompt_tokens = found.ours.prompt_tokens
        row.ours_completion_tokens = found.ours.completion_tokens
        row.ours_cached_tokens = found.ours.cached_tokens
    if found.theirs is not None:
        theirs = found.theirs
        row.reference = theirs.request_id or f"line {theirs.line}"
        row.model, row.at = theirs.model, theirs.at
        row.theirs_prompt_tokens = theirs.prompt_tokens
        row.theirs_completion_tokens = theirs.completion_tokens
        row.theirs_cached_tokens = theirs.cached_tokens
    return row


def _more(row: Settlement, hold: Hold, more_at_relay_nano_usd: int) -> int:
    """By how much the team's cost must rise, in nano-USD; its markup rounded up once."""
    at_relay = row.relay_cost_nano_usd + row.relay_corrected_nano_usd + more_at_relay_nano_usd
    factor = BASIS_POINTS + hold.markup_basis_points
    cost = checked(ceil_div(max(0, at_relay) * factor, BASIS_POINTS))
    return cost - row.cost_nano_usd - row.corrected_nano_usd


def _write(
    run: ReconciliationRun,
    findings: Sequence[Found],
    *,
    settled: bool,
    transfer: Transfer | None = None,
    note: str = "",
) -> None:
    ReconciliationFinding.objects.bulk_create(
        finding_of(run, each, settled=settled, transfer=transfer, note=note) for each in findings
    )
