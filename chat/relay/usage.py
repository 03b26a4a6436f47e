"""Reading the token counts that a relay reports, and deciding which to believe."""

from __future__ import annotations

from typing import Any

from chat.relay.types import Usage, UsageReport

# No model reads or writes so much; a greater number is a fault, and would not fit the ledger.
MAX_TOKENS = 2**40

USAGE_SHRANK = "usage_shrank"


def read_usage(raw: Any) -> Usage | None:
    """Return the usage in a `usage` object of a relay, or None if it cannot be true.

    Counts must be whole and not negative, and not all zero (a prompt is never zero tokens; some
    relays send zeros as a placeholder). One of prompt and completion may be missing where the
    total tells it.
    """
    if not isinstance(raw, dict):
        return None
    given = [raw.get(name) for name in ("prompt_tokens", "completion_tokens", "total_tokens")]
    prompt, completion, total = (_count(value) for value in given)
    counts = (prompt, completion, total)
    if any(v is not None and c is None for v, c in zip(given, counts, strict=True)):
        return None
    if total is not None and prompt is None and completion is not None:
        prompt = total - completion
    elif total is not None and completion is None and prompt is not None:
        completion = total - prompt
    if prompt is None or completion is None or min(prompt, completion) < 0:
        return None
    if prompt == completion == 0:
        return None
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion if total is None else total,
        cached_tokens=_part(raw, "prompt_tokens_details", "cached_tokens", prompt),
        reasoning_tokens=_part(raw, "completion_tokens_details", "reasoning_tokens", completion),
    )


def believe(before: Usage | None, now: Usage) -> UsageReport:
    """Join a second report to an earlier one of the same answer (fault row 12).

    The same or growing: the later. Shrinking: the greater of each count, and an anomaly.
    """
    if before is None or (
        now.prompt_tokens >= before.prompt_tokens
        and now.completion_tokens >= before.completion_tokens
    ):
        return UsageReport(now)
    greatest = Usage(
        prompt_tokens=max(before.prompt_tokens, now.prompt_tokens),
        completion_tokens=max(before.completion_tokens, now.completion_tokens),
        total_tokens=max(before.total_tokens, now.total_tokens),
        cached_tokens=_greater(before.cached_tokens, now.cached_tokens),
        reasoning_tokens=_greater(before.reasoning_tokens, now.reasoning_tokens),
    )
    return UsageReport(greatest, USAGE_SHRANK)


def _count(value: Any) -> int | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= MAX_TOKENS else None


def _part(raw: dict[str, Any], group: str, name: str, whole: int) -> int | None:
    details = raw.get(group)
    part = _count(details.get(name)) if isinstance(details, dict) else None
    return None if part is None else min(part, whole)


def _greater(one: int | None, other: int | None) -> int | None:
    known = [count for count in (one, other) if count is not None]
    return max(known) if known else None
