"""What a relay may say beside text is stored in any case: an end that is not is never settled."""

import json
from math import inf, nan
from typing import Any

from chat.turns.outcome import MOST_NESTED, storable_extras


def nested(levels: int) -> Any:
    return {"a": nested(levels - 1)} if levels else "bottom"


def test_numbers_that_json_does_not_have_are_none_that_is_stored() -> None:
    said = {"logprobs": {"content": [{"logprob": -inf}, {"logprob": nan}, {"logprob": -0.5}]}}
    kept = storable_extras(said)
    assert kept is not None
    assert [each["logprob"] for each in kept["logprobs"]["content"]] == [-9999.0, None, -0.5]
    json.dumps(kept, allow_nan=False)


def test_what_is_nested_deeper_than_a_database_reads_is_cut() -> None:
    call = {"id": "1", "function": {"name": "f", "arguments": nested(900)}}
    kept = storable_extras({"tool_calls": [call]})
    assert kept is not None
    assert kept["tool_calls"][0]["function"]["name"] == "f"
    assert json.dumps(kept).count("{") <= MOST_NESTED
    usual = {"tool_calls": [call | {"function": {"name": "f", "arguments": nested(9)}}]}
    assert storable_extras(usual) == usual


def test_a_nul_is_replaced_wherever_it_stands() -> None:
    assert storable_extras({"tool_calls": [{"a\0": ["b\0"]}]}) == {
        "tool_calls": [{"a\ufffd": ["b\ufffd"]}]
    }
