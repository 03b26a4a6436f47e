"""What the limits of the minute leave stands in the head of every answer."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.openai.conftest import LIMITS
from tests.openai.program import QUICK, Program, error_of
from tests.servers import TramServer


@pytest.fixture(scope="module")
def tram_server(
    priced_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TramServer]:
    """The site, with limits of a minute."""
    env = LIMITS | {
        "MAX_REQUESTS_PER_MINUTE_PER_PERSON": "3",
        "MAX_REQUESTS_PER_MINUTE_PER_TEAM": "100",
        "MAX_TOKENS_PER_MINUTE_PER_TEAM": "100000",
    }
    with TramServer(
        tmp_path_factory.mktemp("tram"), priced_template, env, relay_options=QUICK
    ) as server:
        yield server


def test_what_is_left_is_told_until_nothing_is_and_then_when_to_come_again(
    program: Program,
) -> None:
    first = program.ask()
    assert first.headers["x-ratelimit-limit-requests"] == "3"
    assert first.headers["x-ratelimit-remaining-requests"] == "2"
    assert first.headers["x-ratelimit-limit-tokens"] == "100000"
    streamed = program.stream()
    assert streamed.answer.headers["x-ratelimit-remaining-requests"] == "1"
    used = first.json()["usage"]["total_tokens"]
    assert streamed.answer.headers["x-ratelimit-remaining-tokens"] == str(100_000 - used)
    program.ask()
    refused = program.ask()
    assert refused.status_code == 429
    assert error_of(refused)["code"] == "rate_limit_exceeded"
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    reset_seconds = int(refused.headers["x-ratelimit-reset-requests"].removesuffix("s"))
    assert 1 <= int(refused.headers["retry-after"]) <= reset_seconds + 1 <= 61
