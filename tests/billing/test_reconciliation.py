"""Comparing a relay's bill with our turns: what agrees, and differences by their causes."""

from dataclasses import replace
from datetime import timedelta

from billing.models import Cause
from billing.reconciliation import Billed, Comparison, Tried, compare
from tests.billing.bills import NOVEMBER, a_month, by_line, dearer

TURNS = 2_000


def compared(tried: list[Tried], rows: dict[int, Billed], quantum_nano_usd: int = 1) -> Comparison:
    return compare(tried, list(rows.values()), NOVEMBER, quantum_nano_usd=quantum_nano_usd)


def test_a_clean_month_has_no_difference() -> None:
    tried, billed = a_month(TURNS)
    result = compare(tried, billed, NOVEMBER)
    assert (result.findings, len(result.confirmed)) == ([], TURNS)
    assert result.ours == result.theirs
    assert result.ours.nano_usd == sum(each.cost_nano_usd for each in tried) > 0


def test_each_planted_difference_is_found_once_and_named_rightly() -> None:
    tried, billed = a_month(TURNS)
    rows = by_line(billed)
    stranger = replace(rows[300], line=9001, prompt_tokens=77, completion_tokens=13)
    repeated = replace(rows[500], line=9002, at=rows[500].at + timedelta(seconds=4))
    del rows[700]
    rows |= {9001: stranger, 9002: repeated, 900: dearer(rows[900], 5_000)}
    more = rows[1100].completion_tokens + 90
    rows[1100] = replace(dearer(rows[1100], 720_000), completion_tokens=more)
    rows[1300] = replace(dearer(rows[1300], 7), cached_tokens=1)
    rows[1500] = dearer(rows[1500], 1)
    planted = {
        Cause.LOST_ROW: (9001, ""),
        Cause.DOUBLE_ATTEMPT: (9002, "turn:000498"),
        Cause.UNBILLED: (0, "turn:000698"),
        Cause.PRICE_DRIFT: (900, "turn:000898"),
        Cause.TOKEN_DRIFT: (1100, "turn:001098"),
        Cause.CACHE_DRIFT: (1300, "turn:001298"),
        Cause.ROUNDING: (1500, "turn:001498"),
    }
    result = compared(tried, rows)
    assert result.causes == dict.fromkeys(planted, 1)
    assert {
        each.cause: (each.theirs.line if each.theirs else 0, each.subject)
        for each in result.findings
    } == planted
    differences = sum(each.theirs_nano_usd - each.ours_nano_usd for each in result.findings)
    assert differences == result.theirs.nano_usd - result.ours.nano_usd


def test_a_try_of_ours_that_came_to_nothing_and_was_billed_is_a_double_attempt() -> None:
    tried, billed = a_month(20)
    second = tried[10]
    first = replace(
        second, prompt_tokens=0, completion_tokens=0, cost_nano_usd=0, billed=False, cached_tokens=0
    )
    tried[10:11] = [first, replace(second, attempt=2)]
    rows = by_line(billed)
    rows[99] = replace(rows[12], line=99, completion_tokens=3, cost_nano_usd=400)
    (found,) = compared(tried, rows).findings
    assert found.cause == Cause.DOUBLE_ATTEMPT
    assert found.ours == first
    assert (found.ours_nano_usd, found.theirs_nano_usd) == (0, 400)


def test_an_only_try_that_was_thought_free_is_token_drift() -> None:
    tried, billed = a_month(20)
    tried[10] = replace(
        tried[10], prompt_tokens=0, completion_tokens=0, cost_nano_usd=0, billed=False
    )
    (found,) = compare(tried, billed, NOVEMBER).findings
    assert (found.cause, found.subject) == (Cause.TOKEN_DRIFT, tried[10].subject)


def test_an_estimate_is_matched_by_its_prompt_though_its_answer_was_cut_off() -> None:
    tried, billed = a_month(TURNS)
    rows = by_line(billed)
    for number in range(0, TURNS, 2):
        estimate = tried[number].prompt_tokens * 101 // 100 + 1
        tried[number] = replace(tried[number], prompt_tokens=estimate, completion_tokens=1)
    result = compared(tried, rows)
    assert result.causes == {Cause.TOKEN_DRIFT: TURNS // 2}
    assert all(
        found.theirs and found.subject == f"turn:{found.theirs.line - 2:06}"
        for found in result.findings
    )


def test_a_request_id_decides_before_tokens_do() -> None:
    (first,), (row,) = a_month(1)
    tried = [
        replace(first, request_id="a"),
        replace(first, request_id="b", subject="turn:b", prompt_tokens=1, cost_nano_usd=9),
    ]
    rows = {2: replace(row, request_id="b"), 3: replace(row, request_id="a", line=3)}
    (found,) = compared(tried, rows).findings
    assert (found.cause, found.subject) == (Cause.TOKEN_DRIFT, "turn:b")
    # What has the same id a day later is another one.
    rows[2] = replace(rows[2], at=row.at + timedelta(days=1))
    causes = compared(tried, rows).causes
    assert causes == {Cause.LOST_ROW: 1, Cause.UNBILLED: 1}


def test_like_rows_are_matched_once_each_and_alike_every_time() -> None:
    """A hundred times the same question at the same moment, of which the bill has one less."""
    tried, billed = a_month(1)
    many = [replace(tried[0], subject=f"turn:{number:03}") for number in range(100)]
    rows = [replace(billed[0], line=number) for number in range(99)]
    first = compare(many, rows, NOVEMBER)
    again = compare(many[::-1], rows[::-1], NOVEMBER)
    assert first.causes == {Cause.UNBILLED: 1}
    assert first.findings == again.findings


def test_what_lies_across_an_edge_is_counted_in_one_month_only() -> None:
    tried, billed = a_month(1)
    late = NOVEMBER.until - timedelta(seconds=1)
    ours = replace(tried[0], began_at=late, ended_at=late + timedelta(seconds=9))
    theirs = replace(billed[0], at=late + timedelta(seconds=3))
    december = replace(NOVEMBER, since=NOVEMBER.until, until=NOVEMBER.until + timedelta(days=31))
    assert compare([ours], [], NOVEMBER).findings == []
    assert compare([ours], [theirs], NOVEMBER).theirs.requests == 0
    assert compare([ours], [theirs], december).confirmed == [ours]


def test_the_last_digit_of_a_bill_is_rounding_and_more_is_not() -> None:
    tried, billed = a_month(2)
    rows = by_line(billed)
    rows |= {2: dearer(rows[2], 999), 3: dearer(rows[3], 1000)}
    result = compared(tried, rows, quantum_nano_usd=1000)
    assert [each.cause for each in result.findings] == [Cause.ROUNDING, Cause.PRICE_DRIFT]


def test_a_bill_without_amounts_is_priced_by_our_price() -> None:
    tried, billed = a_month(2)
    rows = {line: replace(row, cost_nano_usd=None) for line, row in by_line(billed).items()}
    assert compared(tried, rows).findings == []
    rows[2] = replace(rows[2], completion_tokens=rows[2].completion_tokens + 1)
    (found,) = compared(tried, rows).findings
    assert found.theirs_nano_usd > found.ours_nano_usd
