"""A check of a relay: what it finds in a demo relay of every mood, and what it never does."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from chat.relay.check import SENTENCES, STEP_NAMES, check_relay, is_usable
from chat.relay.check.answers import choose_model
from chat.relay.demo import DemoRelay
from chat.relay.errors import RelayError
from chat.relay.settings import RelaySettings
from tests.relay.check.trying import QUICK, check, codes, settings_of
from tests.relay.conftest import CANARY_KEY
from tests.relay.loopback import Loopback, respond

MODELS = {"data": [{"id": "text-embedding-3"}, {"id": "gpt-4.1"}, {"id": "gpt-4o"}]}


async def test_a_good_relay_passes_every_step() -> None:
    async with DemoRelay(**QUICK) as relay:
        steps = await check(settings_of(relay), model="gpt-4.1")
    assert {step.status for step in steps.values()} <= {"ok", "skipped"}
    assert is_usable(steps.values())
    assert steps["models"].facts["count"] == 15
    assert steps["sse"].facts["model"] == "gpt-4.1"
    assert steps["sse"].facts["ttft_ms"] >= 0
    assert steps["usage"].facts["granted"] == 10_000_000
    (request,) = relay.requests
    assert (request.via, request.max_tokens) == ("sse", 16)


async def test_nothing_is_generated_when_no_answers_are_wanted() -> None:
    async with DemoRelay(**QUICK) as relay:
        steps = await check(settings_of(relay, transport="auto"), answers=False)
    assert is_usable(steps.values())
    assert steps["sse"].code == "skipped_answers"
    assert relay.requests == ()


@pytest.mark.parametrize(
    ("key", "status", "code"),
    [
        ("hs_demo", "ok", "key_ok"),
        ("demo", "warning", "key_odd"),
        ("hs_wrong_key_0123", "failed", "key_refused"),
        ("", "failed", "key_empty"),
        ("YOUR_HOLYSHEEP_API_KEY", "failed", "key_placeholder"),
        ("hs_two words", "failed", "key_malformed"),
        ("hs_ключ", "failed", "key_malformed"),
    ],
)
async def test_a_key_is_judged_before_it_is_used(key: str, status: str, code: str) -> None:
    async with DemoRelay(**QUICK, keys=frozenset({"hs_demo", "demo"})) as relay:
        steps = await check(settings_of(relay, key))
        assert (steps["key"].status, steps["key"].code) == (status, code)
        assert steps["reachable"].status == "ok"
        if status == "failed":
            assert steps["models"].code == steps["sse"].code == "skipped_failed"
            assert relay.requests == ()
        assert is_usable(steps.values()) == (status != "failed")


async def test_what_cannot_be_a_key_is_not_sent(
    loopback: Loopback, settings_for: Callable[..., RelaySettings]
) -> None:
    loopback.scripts = [respond(401, {"error": {"message": "Invalid authentication"}})]
    await check(settings_for(api_key="YOUR_HOLYSHEEP_API_KEY"))
    assert [request.headers.get("authorization") for request in loopback.received] == [None]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("unauthorized", "relay_auth"),
        ("forbidden", "relay_auth"),
        ("busy", "relay_rate_limited"),
        ("busy-hour", "relay_rate_limited"),
        ("error-500", "relay_unavailable"),
        ("html", "relay_protocol"),
        ("silent", "relay_timeout"),
        ("no-head", "relay_timeout"),
        ("reset", "relay_stream_broken"),
        ("truncated", "relay_truncated"),
        ("error-event", "relay_error"),
        ("nonsense", "relay_error"),
    ],
)
async def test_an_answer_that_fails_is_named(fault: str, code: str) -> None:
    async with DemoRelay(**QUICK) as relay:
        steps = await check(settings_of(relay), model=f"fault-{fault}", step_seconds=0.5)
        await relay.until_quiet()
    assert (steps["sse"].status, steps["sse"].code) == ("failed", code)
    assert steps["usage"].status == "ok", "the steps after it are made all the same"
    assert not is_usable(steps.values())


async def test_an_answer_without_usage_is_a_warning() -> None:
    async with DemoRelay(**QUICK) as relay:
        steps = await check(settings_of(relay), model="fault-no-usage")
    assert (steps["sse"].status, steps["sse"].code) == ("warning", "answer_without_usage")
    assert is_usable(steps.values())


@pytest.mark.parametrize(
    ("answer", "reachable", "key", "models"),
    [
        (respond(200, MODELS), "reachable", "key_ok", "models_ok"),
        (respond(200, {"data": []}), "reachable", "key_ok", "models_none"),
        (respond(200, {"object": "list"}), "reachable", "key_ok", "models_unread"),
        (
            respond(200, "<html>", Content_Type="text/html"),
            "reachable",
            "key_unknown",
            "models_unread",
        ),
        (respond(301, "", Location="http://other/"), "reachable", "key_unknown", "models_unread"),
        (respond(404, {}), "reachable", "key_unknown", "models_unread"),
        (respond(429, {}, Retry_After="9"), "reachable", "key_unknown", "busy"),
        (respond(403, {}), "reachable", "key_forbidden", "skipped_failed"),
        (respond(500, {}), "out_of_order", "skipped_failed", "skipped_failed"),
        (["close"], "unreachable", "skipped_failed", "skipped_failed"),
        (["hang"], "relay_timeout", "skipped_failed", "skipped_failed"),
    ],
)
async def test_a_list_of_models_tells_what_is_wrong(
    loopback: Loopback,
    settings_for: Callable[..., RelaySettings],
    answer: list[Any],
    reachable: str,
    key: str,
    models: str,
) -> None:
    loopback.scripts = [answer]
    # Only who waits for nothing need not be patient.
    patience = {"step_seconds": 0.3} if answer == ["hang"] else {}
    steps = await check(settings_for(transport="sse"), answers=False, **patience)
    found = codes(steps)
    assert (found["reachable"], found["key"], found["models"]) == (reachable, key, models)


async def test_a_relay_without_an_account_of_us_is_none_the_worse(
    loopback: Loopback, settings_for: Callable[..., RelaySettings]
) -> None:
    loopback.scripts = [respond(200, MODELS), respond(404, {"detail": "Not Found"})]
    steps = await check(settings_for(transport="sse"), answers=False)
    assert (steps["usage"].status, steps["usage"].code) == ("skipped", "usage_absent")
    assert is_usable(steps.values())


@pytest.mark.parametrize(
    ("account", "code", "sentence"),
    [
        ({"total_usage": 1234567.0}, "usage_used", "1,234,567 tokens used."),
        ({"total_usage": 0, "total_granted": 500}, "usage_ok", "0 tokens used, 500 granted."),
        ({"total_usage": float("nan")}, "usage_unread", None),
        ({"total_usage": 1e300}, "usage_unread", None),
        ({"total_usage": 10**400, "total_granted": 1}, "usage_unread", None),
        ({"balance": 5}, "usage_unread", None),
        ([], "relay_protocol", None),
    ],
)
async def test_an_account_is_read_with_care(
    loopback: Loopback,
    settings_for: Callable[..., RelaySettings],
    account: Any,
    code: str,
    sentence: str | None,
) -> None:
    loopback.scripts = [respond(200, MODELS), respond(200, json.dumps(account))]
    usage = (await check(settings_for(transport="sse"), answers=False))["usage"]
    assert usage.code == code
    assert usage.status != "failed", "no relay is unusable for its account"
    assert sentence in (None, usage.sentence)


async def test_a_relay_that_hangs_ends_the_check_in_time(
    loopback: Loopback, settings_for: Callable[..., RelaySettings]
) -> None:
    loopback.scripts = [respond(200, MODELS), ["hang"]]
    async with asyncio.timeout(60):
        steps = await check(settings_for(transport="sse"), step_seconds=0.3, total_seconds=0.4)
    # Whichever of the two ran out first.
    assert steps["sse"].code in ("relay_timeout", "timeout")
    assert steps["usage"].status in ("skipped", "warning")


async def test_a_check_that_is_left_leaves_no_connection(
    loopback: Loopback, settings_for: Callable[..., RelaySettings]
) -> None:
    loopback.scripts = [respond(200, MODELS)]
    steps = check_relay(settings_for())
    async for step in steps:
        if step.name == "reachable":
            break
    await steps.aclose()
    await loopback.until(lambda: loopback.open_connections == 0)


@pytest.mark.parametrize(
    ("base_url", "code"),
    [
        ("ftp://127.0.0.1/v1", "address_invalid"),
        ("http://127.0.0.1:port/v1", "address_invalid"),
        ("http:///v1", "address_invalid"),
        ("http://no-such-name.invalid/v1", "address_unresolved"),
    ],
)
async def test_a_wrong_address_is_named_and_nothing_else_is_tried(base_url: str, code: str) -> None:
    steps = await check(RelaySettings(name="wrong", base_url=base_url, api_key=CANARY_KEY))
    assert steps["address"].code == code
    assert {steps[name].code for name in STEP_NAMES[1:]} == {"skipped_failed"}


@pytest.mark.parametrize(("networks", "status"), [((), "failed"), (("127.0.0.0/8",), "ok")])
async def test_an_address_must_lead_to_a_network_that_is_allowed(
    networks: tuple[str, ...], status: str
) -> None:
    async with DemoRelay(**QUICK) as relay:
        steps = await check(settings_of(relay, networks=networks), answers=False)
    assert steps["address"].status == steps["reachable"].status.replace("skipped", "failed")
    assert steps["address"].status == status


async def test_models_that_may_not_be_used_are_not_asked() -> None:
    async with DemoRelay(**QUICK) as relay:
        some = await check(settings_of(relay, models=("claude-*",)), cheapest_first=("gpt-4.1",))
        none = await check(settings_of(relay, models=("mistral-*",)))
    assert some["sse"].facts["model"].startswith("claude-")
    assert (none["models"].code, none["sse"].code) == ("models_excluded", "skipped_no_model")


def test_the_cheapest_model_that_is_listed_is_asked() -> None:
    listed = ("text-embedding-3", "gpt-4.1", "deepseek-v3.2")
    assert choose_model("", ("deepseek-v3.2", "gpt-4.1"), listed) == "deepseek-v3.2"
    assert choose_model("", ("elsewhere",), listed) == "gpt-4.1"
    assert choose_model("asked-for", ("deepseek-v3.2",), listed) == "asked-for"
    assert choose_model("", (), ()) == ""


def test_every_failure_has_a_sentence() -> None:
    kinds: list[type[RelayError]] = [RelayError, *RelayError.__subclasses__()]
    assert [kind.code for kind in kinds if kind.code not in SENTENCES] == []
    assert not any("!" in sentence for sentence in SENTENCES.values())
