"""The truth meter: what relays report and name, weighed after each turn, route by route."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import msgspec
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from billing.formatting import exact_usd
from billing.models import Quality
from billing.tokens import is_exact
from chat.models import AlertKind, Attempt, AttemptOutcome, ModelAlias, RouteTruth
from chat.relay.likeness import same_model
from chat.relay.truth import Answer, Drift, TruthState, judge
from chat.services.alerts import raise_alert

OTHER_ECHOES_TO_ALERT = 2
"""One answer under another name may be a slip of the relay's."""
SHOWN_NANO_USD = 10**5
"""A surplus is told to a hundredth of a cent."""
MONTH = timedelta(days=30)

_decode = msgspec.json.Decoder(TruthState).decode


@dataclass(frozen=True, slots=True)
class Texts:
    """The kinds (`chat.relay.likeness.text_kind`) of a turn's prompt and answer, and the reasoning
    tokens that the relay reported."""

    prompt_kind: str
    answer_kind: str
    reasoning_tokens: int = 0


def weigh_turn(turn_id: UUID, texts: Texts, *, scripted: frozenset[str] = frozenset()) -> None:
    """Weigh the completed attempts of a stored turn, and raise the alerts that follow.

    `scripted` names relays whose answers no model's tokenizer has cut.
    """
    weighable = Attempt.objects.filter(turn_id=turn_id, outcome=AttemptOutcome.COMPLETED)
    for attempt in weighable.order_by("number"):
        _weigh(attempt, texts, exact=is_exact(attempt.model) and attempt.relay not in scripted)


def learn_anew(relay: str, model: str) -> None:
    """Take what a route does from now on as what is to be expected of it: counts by another
    vocabulary, and the names under which it has answered."""
    with transaction.atomic():
        row = _locked(relay, model)
        before = _decode(row.state)
        names = Attempt.objects.filter(relay=relay, model=model).order_by("-id")
        seen = set(names.values_list("echoed_model", flat=True)[:100]) - {""}
        others = {name for name in seen if not same_model(model, name)}
        accepted = sorted(others | set(before.accepted_echoes))
        _keep(row, TruthState(accepted_echoes=accepted, learns=True))


def _weigh(attempt: Attempt, texts: Texts, *, exact: bool) -> None:
    answer = _answer(attempt, texts, exact=exact)
    if answer is None and not attempt.echoed_model:
        return
    with transaction.atomic():
        row = _locked(attempt.relay, attempt.model)
        state = _decode(row.state)
        drifts = judge(state, answer) if answer is not None else ()
        swapped = _is_swapped(state, attempt)
        _keep(row, state)
        for drift in drifts:
            _raise_drift(attempt, drift)
        if swapped:
            detail = f"Asked for {attempt.model}, it answered as {attempt.echoed_model}."
            raise_alert(
                AlertKind.MODEL_SWAPPED, relay=attempt.relay, model=attempt.model, detail=detail
            )


def _answer(attempt: Attempt, texts: Texts, *, exact: bool) -> Answer | None:
    """What can be weighed of an attempt; nothing where the relay reported nothing, its report
    was odd already, or the answer was calls of tools, which our count does not hold."""
    counted = attempt.counted_completion_tokens, attempt.counted_prompt_tokens
    if attempt.quality != Quality.REPORTED or attempt.anomaly or None in counted:
        return None
    if attempt.finish_reason in ("tool_calls", "function_call"):
        return None
    return Answer(
        prompt_tokens=attempt.prompt_tokens,
        completion_tokens=attempt.completion_tokens,
        counted_prompt_tokens=attempt.counted_prompt_tokens or 0,
        counted_completion_tokens=attempt.counted_completion_tokens or 0,
        prompt_kind=texts.prompt_kind,
        completion_kind=texts.answer_kind,
        exact=exact,
        reasoning_tokens=texts.reasoning_tokens,
    )


def _is_swapped(state: TruthState, attempt: Attempt) -> bool:
    echoed = attempt.echoed_model
    if not echoed:
        return False
    if (
        same_model(attempt.model, echoed)
        or echoed in state.accepted_echoes
        or ModelAlias.objects.filter(alias=attempt.model, model=echoed).exists()
    ):
        # Routers that swap some answers only are caught as well: the sum goes down slowly.
        state.other_echoes = max(0.0, state.other_echoes - 1 / 50)
        return False
    state.other_echoes += 1
    return state.other_echoes >= OTHER_ECHOES_TO_ALERT


def _raise_drift(attempt: Attempt, drift: Drift) -> None:
    what = "prompt" if drift.stream == "prompt" else "answer"
    detail = (
        f"{what} tokens: {drift.ratio:.2f} times the expected ones over the last "
        f"{drift.answers} answers"
    )
    if drift.ratio > 1:
        rows = Attempt.objects.filter(
            relay=attempt.relay, model=attempt.model, created_at__gte=timezone.now() - MONTH
        )
        cost = rows.aggregate(cost=Sum("cost_nano_usd"))["cost"] or 0
        surplus = round(cost * (1 - 1 / drift.ratio) / SHOWN_NANO_USD) * SHOWN_NANO_USD
        detail += f"; at that rate {exact_usd(surplus)} of what the last 30 days cost"
    raise_alert(AlertKind.USAGE_DRIFT, relay=attempt.relay, model=attempt.model, detail=detail)


def _locked(relay: str, model: str) -> RouteTruth:
    rows = RouteTruth.objects.select_for_update()
    row, _ = rows.get_or_create(relay=relay, model=model)
    return row


def _keep(row: RouteTruth, state: TruthState) -> None:
    row.state = msgspec.json.encode(state).decode()
    row.save(update_fields=["state", "changed_at"])
