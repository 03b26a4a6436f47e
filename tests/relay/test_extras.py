"""What a model says beside text, in pieces and together."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chat.relay.extras import extras_of, merged, text_of_extras


def call(index: int, arguments: str, **fields: Any) -> dict[str, Any]:
    function = {"arguments": arguments} | fields.pop("function", {})
    return {"index": index, **fields, "function": function}


def test_the_pieces_of_two_calls_come_together_each_in_its_own() -> None:
    first = call(0, "", id="a", type="function", function={"name": "weather"})
    second = call(1, "{}", id="b", type="function", function={"name": "time"})
    pieces = [[first], [call(0, '{"city"')], [second], [call(0, ':"Hue"}')]]

    whole = merged({"tool_calls": piece} for piece in pieces)

    assert [each["function"] for each in whole["tool_calls"]] == [
        {"name": "weather", "arguments": '{"city":"Hue"}'},
        {"name": "time", "arguments": "{}"},
    ]
    assert [each["id"] for each in whole["tool_calls"]] == ["a", "b"]


def test_calls_without_an_index_are_told_apart_by_id_or_place() -> None:
    bare = [{"id": "a", "function": {"name": "f"}}, {"id": "b", "function": {"name": "g"}}]
    whole = merged([{"tool_calls": bare}, {"tool_calls": [{"id": "c", "function": {}}]}])
    assert [(each["index"], each["id"]) for each in whole["tool_calls"]] == [
        (0, "a"),
        (1, "b"),
        (2, "c"),
    ]


def test_log_probabilities_are_joined_in_their_order() -> None:
    pieces = [{"logprobs": {"content": [{"token": token}], "refusal": None}} for token in "ab"]
    assert merged(pieces) == {
        "logprobs": {"content": [{"token": "a"}, {"token": "b"}], "refusal": None}
    }


def test_the_pieces_are_left_as_they_are() -> None:
    piece = {"tool_calls": [call(0, "a")]}
    merged([piece, piece])
    assert piece == {"tool_calls": [call(0, "a")]}


def test_what_is_not_well_formed_is_nothing() -> None:
    assert extras_of("calls", [], 3, {"content": []}) is None
    assert extras_of([None, 1], None, "", None) is None


@given(st.lists(st.text(max_size=5), max_size=8), st.integers(0, 8))
def test_it_does_not_matter_where_pieces_are_joined(texts: list[str], cut: int) -> None:
    pieces = [{"tool_calls": [call(0, text)], "refusal": text} for text in texts]
    at_once = merged(pieces)
    in_two = merged([merged(pieces[:cut]), merged(pieces[cut:])])
    assert at_once == in_two
    assert text_of_extras(at_once) == "".join(texts) * 2
