"""Reading a relay's bill: what makes sense is read exactly, nonsense is refused by its line."""

import json
import time
from datetime import UTC, datetime

import pytest

from billing.errors import BillRefused
from billing.reconciliation_bills import MAX_BILL_BYTES, MAX_LINES_NAMED, read_bill

HEAD = "time,model,prompt_tokens,completion_tokens,cached_tokens,cost_usd,request_id\n"
ROW = "2026-11-01T08:15:00Z,gpt-4.1,100,20,,0.00096,req-1\n"


def refusal(text: str | bytes) -> str:
    content = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(BillRefused) as refused:
        read_bill(content, models={"gpt-4.1"})
    assert refused.value.code == "bill_refused"
    return " ".join(refused.value.lines)


def test_a_bill_in_csv_is_read_exactly() -> None:
    bill = read_bill((HEAD + ROW).encode(), name="november.csv", models={"gpt-4.1"})
    (row,) = bill.rows
    assert (row.model, row.prompt_tokens, row.completion_tokens) == ("gpt-4.1", 100, 20)
    assert (row.cost_nano_usd, row.cached_tokens, row.request_id) == (960_000, None, "req-1")
    assert row.at == datetime(2026, 11, 1, 8, 15, tzinfo=UTC)
    assert (bill.name, bill.quantum_nano_usd, len(bill.sha256)) == ("november.csv", 10_000, 64)


def test_a_bill_in_json_lines_is_read_under_the_names_of_other_relays() -> None:
    row = {
        "created_at": "2026-11-01T15:15:00+07:00",
        "model": "gpt-4.1",
        "input_tokens": 100,
        "output_tokens": 20,
        "cached_input_tokens": 50,
        "cost_nano_usd": 960_000,
        "id": "req-1",
    }
    (read,) = read_bill(json.dumps(row).encode()).rows
    assert (read.cost_nano_usd, read.cached_tokens, read.request_id) == (960_000, 50, "req-1")
    assert read.at == datetime(2026, 11, 1, 8, 15, tzinfo=UTC)


def test_the_log_of_the_demo_relay_is_a_bill_without_what_it_refused() -> None:
    row = {
        "request_id": "a-1",
        "model": "gpt-4.1",
        "seen_wall_ns": 1_793_520_900_000_000_000,
        "prompt_tokens": 9,
        "tokens_generated": 3,
        "state": "left",
        "cost_nano_usd": 96_000,
    }
    refused = row | {"request_id": "a-2", "state": "refused"}
    (read,) = read_bill(json.dumps({"requests": [row, refused]}).encode()).rows
    assert (read.request_id, read.completion_tokens, read.at.year) == ("a-1", 3, 2026)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (",100,", ",-100,", "Line 2: prompt_tokens is not a whole number"),
        (",100,", ",1e3,", "Line 2: prompt_tokens is not a whole number"),
        (",100,", ",99999999999,", "Line 2: prompt_tokens is not a whole number"),
        (",20,,", ",20,101,", "Line 2: More tokens were cached than went in"),
        ("0.00096", "-0.5", "Line 2: A request costs from USD 0"),
        ("0.00096", "10001", "Line 2: A request costs from USD 0"),
        ("0.00096", "1e999999", "Line 2: "),
        ("0.00096", "NaN", "Line 2: "),
        ("0.00096", "=1+1", "Line 2: cost_usd begins like a formula"),
        ("req-1", "@cmd", "Line 2: request_id begins like a formula"),
        ("gpt-4.1", "gpt-nobody", "Line 2: Nobody knows the model 'gpt-nobody'"),
        ("2026-11-01", "2026-13-01", "Line 2: "),
        ("2026-11-01", "2099-11-01", "Line 2: The time 2099-11-01"),
        ("Z,", ",", ""),
        (",req-1", "", "Line 2: 6 cells, should be 7"),
        ("req-1", "req\0-1", "Line 2: "),
    ],
)
def test_a_line_of_nonsense_is_refused_by_its_number(old: str, new: str, said: str) -> None:
    bill = HEAD + ROW.replace(old, new)
    if said:
        assert said in refusal(bill)
    else:
        assert len(read_bill(bill.encode()).rows) == 1


@pytest.mark.parametrize("cost", ["1E+9999999", "Infinity", "NaN", "sNaN", "many"])
def test_a_cost_in_nano_usd_that_is_none_is_refused_at_once(cost: str) -> None:
    bill = HEAD.replace("cost_usd", "cost_nano_usd") + ROW.replace("0.00096", cost)
    assert refusal(bill) == "Line 2: The cost is not a number."


def test_an_amount_in_json_beyond_all_numbers_is_refused() -> None:
    assert "Line 1: is not a JSON object" in refusal('{"cost_usd": 1E+99999999999999999999}')


def test_a_heading_of_a_hundred_thousand_columns_is_refused_at_once() -> None:
    began = time.process_time()
    assert "The column a is there twice" in refusal("a," * 100_000)
    assert time.process_time() - began < 2


def test_a_repeated_request_is_refused() -> None:
    assert "Line 3: The request req-1 is on line 2 already" in refusal(HEAD + ROW + ROW)
    same = ROW.replace("req-1", "chatcmpl-req-1")
    assert "Line 3: The request req-1 is on line 2 already" in refusal(HEAD + ROW + same)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "There is no column model, time"),
        (HEAD.replace("model", "product") + ROW, "There is no column model"),
        (HEAD.replace("cached_tokens", "model") + ROW, "The column model is there twice"),
        ('{"model": "gpt-4.1"}\n', "Line 1: There is no column time"),
        ("{nonsense\n", "Line 1: is not a JSON object"),
        ('{"a": 1}\n[1]\n', "Line 1: There is no column"),
        (b"\xff\xfe", "Byte 0 is not UTF-8"),
        (HEAD + '"open', "Line 2: "),
    ],
)
def test_another_file_is_no_bill(text: str | bytes, said: str) -> None:
    assert said in refusal(text)


def test_a_bill_of_fifty_megabytes_is_refused_unread() -> None:
    assert "at most 32 MiB" in refusal(b"x" * (50 * 10**6))
    assert MAX_BILL_BYTES < 50 * 10**6


def test_no_more_than_twenty_lines_are_named() -> None:
    wrong = ROW.replace(",100,", ",-1,")
    assert refusal(HEAD + wrong * 1000).count("Line") == MAX_LINES_NAMED
