"""Races, journal and lists again on PostgreSQL, in a run of their own; more with `make slow`."""

import pytest

from tests.again import run_on_postgresql

AGAIN = (
    "tests/turns/test_races.py",
    "tests/turns/test_store.py",
    "tests/chat/test_conversation_list.py",
    "tests/chat/test_message_pages.py",
)
# The rest, for `make slow`.
AGAIN_SLOWLY = (
    "tests/chat/test_ending.py",
    "tests/turns/test_leases.py",
    "tests/turns/test_handover.py",
    "tests/turns/test_recovery.py",
    "tests/chat/test_admission.py",
    "tests/chat/test_attempts.py",
    "tests/turns/test_reading.py",
    "tests/turns/test_truth_races.py",
    "tests/turns/test_turn_limits.py",
    "tests/turns/test_spool.py",
)


@pytest.mark.services
def test_turns_are_the_same_on_postgresql(
    postgresql_url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run_on_postgresql(AGAIN, postgresql_url, tmp_path_factory.mktemp("data"))


@pytest.mark.slow
@pytest.mark.services
def test_turns_are_the_same_on_postgresql_in_the_rest_too(
    postgresql_url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run_on_postgresql(AGAIN_SLOWLY, postgresql_url, tmp_path_factory.mktemp("data"))
