"""What a model says beside text: calls of tools, refusals, log probabilities.

`extras` is a plain dict with any of the keys `tool_calls`, `function_call`, `refusal`, `logprobs`,
each as a delta of a chat completion has it. Pieces merge to what they say together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Extras = dict[str, Any]

TEXTS = ("refusal",)
LISTS_OF_LOGPROBS = ("content", "refusal")


def extras_of(tool_calls: Any, function_call: Any, refusal: Any, logprobs: Any) -> Extras | None:
    """Return what is well formed of a relay's fields; None where there is nothing."""
    found: Extras = {}
    if isinstance(tool_calls, list) and (calls := [c for c in tool_calls if isinstance(c, dict)]):
        found["tool_calls"] = calls
    if isinstance(function_call, dict) and function_call:
        found["function_call"] = function_call
    if isinstance(refusal, str) and refusal:
        found["refusal"] = refusal
    if isinstance(logprobs, dict) and any(isinstance(v, list) and v for v in logprobs.values()):
        found["logprobs"] = logprobs
    return found or None


def merged(pieces: Iterable[Mapping[str, Any]]) -> Extras:
    """Return what several pieces say together, in their order. The pieces are left as they are.

    Calls of tools have their `index` afterwards, each once; without one, a call's `id` tells it
    apart, else its place in the list.
    """
    whole: Extras = {}
    for piece in pieces:
        for name in TEXTS:
            if piece.get(name):
                whole[name] = whole.get(name, "") + piece[name]
        if piece.get("function_call"):
            whole["function_call"] = _function(whole.get("function_call"), piece["function_call"])
        if piece.get("logprobs"):
            # Added to, not copied: there is one for each token of an answer.
            _add_logprobs(whole.setdefault("logprobs", {}), piece["logprobs"])
        if piece.get("tool_calls"):
            whole["tool_calls"] = _calls(whole.get("tool_calls", []), piece["tool_calls"])
    return whole


def text_of_extras(extras: Mapping[str, Any] | None) -> str:
    """Return the text that a model generated for them, for counting its tokens."""
    if not extras:
        return ""
    functions = [call.get("function") for call in extras.get("tool_calls", ())]
    functions.append(extras.get("function_call"))
    texts = [
        text
        for function in functions
        if isinstance(function, dict)
        for text in (function.get("name"), function.get("arguments"))
    ]
    texts.append(extras.get("refusal"))
    return "".join(text for text in texts if isinstance(text, str))


def size_of(extras: Mapping[str, Any] | None) -> int:
    """Return about how many bytes they take, cheaply."""
    if not extras:
        return 0
    return len(repr(extras))


def _calls(known: list[dict[str, Any]], more: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    calls = [dict(call) for call in known]
    for place, call in enumerate(more):
        index = call.get("index")
        if not isinstance(index, int) or isinstance(index, bool):
            index = _index_by_id(calls, call.get("id"), place)
        mine = next((each for each in calls if each["index"] == index), None)
        if mine is None:
            mine = {"index": index}
            calls.append(mine)
        for name, value in call.items():
            if name == "function" and isinstance(value, dict):
                mine[name] = _function(mine.get(name), value)
            elif name != "index" and (value or name not in mine):
                mine[name] = value
    return calls


def _index_by_id(calls: list[dict[str, Any]], id: Any, place: int) -> int:
    if not id:
        return place
    found = next((call["index"] for call in calls if call.get("id") == id), None)
    if found is not None:
        return int(found)
    return max((call["index"] for call in calls), default=-1) + 1


def _function(known: Mapping[str, Any] | None, more: Mapping[str, Any]) -> dict[str, Any]:
    function = dict(known or {})
    for name, value in more.items():
        if name == "arguments" and isinstance(value, str):
            function[name] = (function.get(name) or "") + value
        elif value or name not in function:
            function[name] = value
    return function


def _add_logprobs(whole: dict[str, Any], more: Mapping[str, Any]) -> None:
    for name in LISTS_OF_LOGPROBS:
        if isinstance(more.get(name), list):
            if not isinstance(whole.get(name), list):
                whole[name] = []
            whole[name].extend(more[name])
        elif name in more:
            whole.setdefault(name, None)
