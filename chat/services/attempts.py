"""The tries of a turn as they are stored: what each of them used, on what evidence, and cost."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from billing.models import Hold, Quality
from billing.settlement import costs_of
from billing.tokens import count_tokens
from chat.models import Attempt, AttemptOutcome
from chat.services.intents import PromptMessage

TOKENS_PER_MESSAGE = 4
"""Tokens a chat template adds around one message: role and separators, as OpenAI's does."""
TOKENS_PER_PROMPT = 3
"""Tokens it adds once, with which the answer begins."""
TOKENS_PER_PICTURE = 765
"""As OpenAI counts one of 1024 x 1024 pixels in high detail: 85, and 170 for each of 4 tiles."""


@dataclass(frozen=True, slots=True)
class ReportedUsage:
    """Token counts as the relay reported them."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    images: int = 0


@dataclass(frozen=True, slots=True)
class AttemptEnd:
    """How one try ended, as its runner saw it.

    `billed`: the relay has reported its usage, or may have worked on it. Then, without a report,
    `prompt` and `generated`, the text of this try alone, are counted. Times are milliseconds.
    """

    number: int
    relay: str
    model: str
    outcome: str
    billed: bool
    prompt: tuple[PromptMessage, ...] = field(default=(), repr=False)
    generated: str = field(default="", repr=False)
    usage: ReportedUsage | None = None
    key_label: str = ""
    transport: str = ""
    resumed: bool = False
    status: int | None = None
    error_code: str = ""
    # The relay's own words, for administrators.
    error_detail: str = ""
    sent: bool = False
    finish_reason: str = ""
    echoed_model: str = ""
    response_id: str = ""
    anomaly: str = ""
    malformed_frames: int = 0
    waited_ms: int = 0
    ttft_ms: int | None = None
    total_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Weighed:
    """A try, the usage to settle for it, and our own counts where there is something to count."""

    end: AttemptEnd
    usage: ReportedUsage
    counted_prompt_tokens: int | None = None
    counted_completion_tokens: int | None = None

    @property
    def quality(self) -> str:
        """The evidence of the usage; empty where nothing is settled."""
        if self.end.usage is not None:
            return Quality.REPORTED
        return Quality.ESTIMATED if self.end.billed else ""


def weigh(ends: Iterable[AttemptEnd]) -> list[Weighed]:
    """Count what the tries sent and got. Pure work, some milliseconds for a long prompt: not for
    inside a transaction."""
    weighed = []
    for end in ends:
        if end.usage is None and not end.billed:
            weighed.append(Weighed(end, ReportedUsage(0, 0)))
            continue
        prompt_tokens = count_prompt(end.prompt, end.model)
        completion_tokens = count_tokens(end.generated, end.model)
        counted = ReportedUsage(prompt_tokens, completion_tokens)
        weighed.append(Weighed(end, end.usage or counted, prompt_tokens, completion_tokens))
    return weighed


def count_prompt(prompt: Iterable[PromptMessage], model: str) -> int:
    """The tokens of a prompt by our own count, exact where that of the vocabulary is."""
    each = [
        count_tokens(message.content, model)
        + TOKENS_PER_MESSAGE
        + message.images * TOKENS_PER_PICTURE
        for message in prompt
    ]
    return sum(each) + TOKENS_PER_PROMPT if each else 0


def total_of(weighed: Sequence[Weighed]) -> tuple[ReportedUsage, Quality]:
    """What all tries used together. It is reported only if every part of it is."""
    settled = [each for each in weighed if each.quality]
    reported = settled and all(each.quality == Quality.REPORTED for each in settled)
    return _sum(each.usage for each in settled), (
        Quality.REPORTED if reported else Quality.ESTIMATED
    )


def store_attempts(
    turn_id: UUID, subject: str, weighed: Sequence[Weighed], cost_nano_usd: int
) -> None:
    """Store the tries of a turn that cost so much together, within the caller's transaction."""
    costs = _costs(subject, weighed, cost_nano_usd)
    Attempt.objects.bulk_create(
        _row(turn_id, each, cost) for each, cost in zip(weighed, costs, strict=True)
    )


def _costs(subject: str, weighed: Sequence[Weighed], cost_nano_usd: int) -> list[int]:
    """What each try adds to the cost of those before it, so that they add up to the turn's."""
    paid = [index for index, each in enumerate(weighed) if each.quality]
    costs = [0] * len(weighed)
    if len(paid) > 1:
        hold = Hold.objects.select_related("price_version").get(subject=subject)
        before = 0
        for place, index in enumerate(paid[:-1], start=1):
            sum_ = _sum(weighed[each].usage for each in paid[:place])
            upto = costs_of(sum_, hold, Quality.REPORTED).cost_nano_usd
            # A turn never costs more by estimate than was held for it.
            upto = min(upto, cost_nano_usd)
            costs[index], before = upto - before, upto
        costs[paid[-1]] = cost_nano_usd - before
    elif paid:
        costs[paid[0]] = cost_nano_usd
    return costs


def _sum(usages: Iterable[ReportedUsage]) -> ReportedUsage:
    parts = list(usages)
    if len(parts) == 1:
        return parts[0]
    cached = [
        min(part.cached_tokens, part.prompt_tokens)
        for part in parts
        if part.cached_tokens is not None
    ]
    reasoning = [
        min(part.reasoning_tokens, part.completion_tokens)
        for part in parts
        if part.reasoning_tokens is not None
    ]
    return ReportedUsage(
        sum(part.prompt_tokens for part in parts),
        sum(part.completion_tokens for part in parts),
        sum(cached) if cached else None,
        sum(reasoning) if reasoning else None,
        sum(part.images for part in parts),
    )


def _row(turn_id: UUID, weighed: Weighed, cost_nano_usd: int) -> Attempt:
    end, usage = weighed.end, weighed.usage
    return Attempt(
        turn_id=turn_id,
        number=end.number,
        relay=end.relay[:100],
        key_label=end.key_label[:100],
        model=end.model[:200],
        transport=end.transport,
        resumed=end.resumed,
        outcome=AttemptOutcome(end.outcome),
        status=end.status,
        error_code=end.error_code,
        error_detail=end.error_detail[:1000],
        sent=end.sent,
        finish_reason=end.finish_reason[:40],
        echoed_model=end.echoed_model[:200],
        response_id=end.response_id[:100],
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cached_tokens=usage.cached_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        images=usage.images,
        counted_prompt_tokens=weighed.counted_prompt_tokens,
        counted_completion_tokens=weighed.counted_completion_tokens,
        quality=weighed.quality,
        cost_nano_usd=cost_nano_usd,
        anomaly=end.anomaly[:200],
        waited_ms=end.waited_ms,
        ttft_ms=end.ttft_ms,
        total_ms=end.total_ms,
    )
