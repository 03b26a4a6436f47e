"""What people see of limits: their place in line, and their text back when a limit refuses it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.journeys.desk import Desks
from tests.servers import TramServer

LIMITS = {"MAX_STREAMS_PER_KEY": "1", "MAX_REQUESTS_PER_MINUTE_PER_PERSON": "1"}


@pytest.fixture(scope="module")
def site(
    built_page: None, server_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TramServer]:
    """A site whose relay writes slowly, one answer at a time."""
    folder = tmp_path_factory.mktemp("limited")
    slow = ("--tokens-per-second", "40")
    with TramServer(folder, server_template, LIMITS, relay_options=slow) as server:
        yield server


@pytest.mark.slow
def test_who_waits_sees_the_place_in_line_and_who_is_too_fast_keeps_the_text(
    desks: Desks, site: TramServer
) -> None:
    alice, bob = desks("alice").go(), desks("bob").go()
    alice.send("Write something long")
    expect(alice.answer_text).not_to_be_empty()
    bob.send("Say something short")
    expect(bob.answer.locator("[data-part=notice]")).to_have_text("Waiting in line: place 1.")
    alice.act.click()
    alice.wait_ended()
    expect(bob.answer_text).not_to_be_empty()
    bob.wait_ended()
    bob.send("These words shall not be lost")
    expect(bob.reason).to_have_text(
        re.compile(r"You may begin 1 answers a minute\. Send again in \d+ s\.")
    )
    expect(bob.composer).to_have_value("These words shall not be lost")
