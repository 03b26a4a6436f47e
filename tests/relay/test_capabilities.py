"""What is read of a relay's list of models: from every kind of server, and from hostile ones."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.relay.capabilities import Capabilities
from chat.relay.catalog import CatalogueEntry, read_catalogue
from chat.relay.errors import RelayProtocol

KEYS = st.sampled_from(
    [
        *("data", "id", "name", "architecture", "capabilities", "input_modalities", "modalities"),
        *("input", "meta", "n_ctx", "context_length", "model_info", "supports_vision", "type"),
        *("vision", "supported", "supported_parameters", "image_input", "reasoning"),
    ]
)
DEEP: Any = {}
for _ in range(500):
    DEEP = {"architecture": DEEP, "capabilities": DEEP, "meta": DEEP}


def entry(**said: Any) -> CatalogueEntry:
    (found,) = read_catalogue({"data": [{"id": "m", **said}]}).entries
    return found


@pytest.mark.parametrize(
    ("said", "context_tokens"),
    [
        ({"context_length": 8192}, 8192),
        ({"max_model_len": 4096}, 4096),
        ({"meta": {"n_ctx": 2048}}, 2048),
        ({"context_window": 131072}, 131072),
        ({"max_context_length": 32768, "loaded_context_length": 4096}, 4096),
        ({"model_info": {"max_input_tokens": 200000}}, 200000),
        ({"context_length": None, "meta": {"n_ctx": 1024}}, 1024),
        ({"meta": "x", "context_length": "much"}, None),
        ({"context_length": 1}, None),
        ({"context_length": True}, None),
        ({"context_length": 1e9}, None),
        ({"context_length": 10**30}, None),
        ({"context_length": -8192}, None),
    ],
)
def test_the_context_is_read_from_wherever_a_relay_says_it(
    said: dict[str, Any], context_tokens: int | None
) -> None:
    assert entry(**said).can.context_tokens == context_tokens


@pytest.mark.parametrize(
    ("said", "vision", "reasoning"),
    [
        ({"architecture": {"input_modalities": ["text", "image"]}}, True, None),
        ({"architecture": {"input_modalities": ["text"]}}, False, None),
        ({"modalities": ["text", "image"]}, True, None),
        ({"modalities": {"input": ["text"], "output": ["text", "image"]}}, False, None),
        ({"capabilities": {"vision": True, "reasoning": False}}, True, False),
        ({"capabilities": {"image_input": {"supported": True}}}, True, None),
        ({"capabilities": ["completion", "multimodal", "thinking"]}, True, True),
        ({"capabilities": ["completion"]}, None, None),
        ({"supports_vision": False, "supports_reasoning": True}, False, True),
        ({"model_info": {"supports_vision": True}}, True, None),
        ({"supported_parameters": ["temperature", "reasoning"]}, None, True),
        ({"supported_parameters": ["temperature"]}, None, False),
        ({"type": "vlm"}, True, None),
        ({}, None, None),
    ],
)
def test_vision_and_reasoning_are_read_from_wherever_a_relay_says_them(
    said: dict[str, Any], vision: bool | None, reasoning: bool | None
) -> None:
    assert (entry(**said).can.vision, entry(**said).can.reasoning) == (vision, reasoning)


@pytest.mark.parametrize(
    "said",
    [
        {"architecture": [1], "capabilities": "vision", "meta": 5, "model_info": None},
        {"architecture": {"input_modalities": [None, {}, 3]}, "supported_parameters": {"a": 1}},
        {"capabilities": {"vision": "yes", "reasoning": 1}, "modalities": "image"},
        {"capabilities": ["x"] * 1_000_000 + ["vision"]},
        {"supports_vision": {"supported": {"supported": True}}},
        DEEP,
    ],
)
def test_what_makes_no_sense_counts_as_not_said(said: dict[str, Any]) -> None:
    assert entry(**said).can == Capabilities()


@pytest.mark.parametrize(
    "name", ["", "a\x00b", "a\nb", "\ud800", "\u202egpt", " gpt", "x" * 201, 5, None, ["m"]]
)
def test_a_name_that_cannot_be_shown_is_left_out(name: Any) -> None:
    listed = read_catalogue({"data": [{"id": name}, {"id": "good", "name": name}]})
    assert [(found.id, found.name) for found in listed.entries] == [("good", "good")]


def test_a_list_without_end_is_cut_and_a_name_listed_twice_counts_once() -> None:
    listed = [{"id": f"m{number}"} for number in range(20_000)] + [{"id": "m1", "name": "again"}]
    assert len(read_catalogue({"data": listed}).entries) == 10_000
    assert [found.name for found in read_catalogue([{"id": "a", "name": "A"}, "a"]).entries] == [
        "A"
    ]


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=30,
)


@given(document=JSON)
def test_any_document_is_read_or_refused_as_no_list(document: Any) -> None:
    try:
        found = read_catalogue(document)
    except RelayProtocol:
        return
    for each in found.entries:
        assert each.id.isprintable()
        assert each.can.context_tokens is None or 256 <= each.can.context_tokens <= 100_000_000
        assert each.can.vision in (None, True, False)


@given(item=st.dictionaries(KEYS, JSON, max_size=10))
def test_any_entry_with_an_id_is_listed(item: dict[str, Any]) -> None:
    (found,) = read_catalogue({"data": [item | {"id": "m"}]}).entries
    assert found.id == "m"
