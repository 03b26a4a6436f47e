"""The door of the metrics, and that each of them is told of in the documents."""

import threading
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.test import AsyncClient, Client

from chat.turns import gauges
from chat.turns.bus import NoBus
from chat.turns.metrics import REGISTRY
from config.environment import SettingInvalid
from config.options import Site

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "operating.md"


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer "}])
def test_without_a_token_there_is_no_door(
    client: Client, settings: Any, header: dict[str, str]
) -> None:
    settings.METRICS_TOKEN = ""
    assert client.get("/metrics", headers=header).status_code == 404


def test_a_token_that_could_be_guessed_is_refused_at_the_start() -> None:
    assert Site(metrics_token="").scraper_token() == ""
    assert Site(metrics_token="x" * 16).scraper_token() == "x" * 16
    with pytest.raises(SettingInvalid, match="METRICS_TOKEN"):
        Site(metrics_token="short").scraper_token()


def test_every_metric_is_told_of() -> None:
    text = DOCUMENT.read_text()
    ours = {family.name for family in REGISTRY.collect() if family.name.startswith("tram_")}
    assert len(ours) > 20
    assert not {name for name in ours if f"`{name}" not in text}


class _NoBeat:
    """A beat that the database does not answer."""

    def lease_age_seconds(self) -> float:
        return 3.5


class _Idle:
    """An engine that runs nothing, with a journal that cannot be written."""

    goodbyes = ()
    bus = NoBus()
    beat = _NoBeat()

    def running_ids(self) -> tuple[()]:
        return ()

    def journal_stall_seconds(self) -> float:
        return 7.5


# The crossing's threads may keep a connection of an earlier test, at which they look first.
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("trouble", ["refuses", "hangs"])
async def test_metrics_are_told_while_the_database_is_away(
    settings: Any, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    settings.METRICS_TOKEN = "x" * 16
    answers = threading.Event()

    def away() -> dict[str, int]:
        if trouble == "hangs":
            answers.wait(20)
        raise OperationalError("no connection")

    monkeypatch.setattr(gauges, "engine", _Idle)
    monkeypatch.setattr(gauges, "standings", tuple)
    monkeypatch.setattr(gauges, "_open_alerts", away)
    monkeypatch.setattr(gauges, "DATABASE_SECONDS", 0.05)
    try:
        told = await AsyncClient().get(
            "/metrics", headers={"Authorization": f"Bearer {settings.METRICS_TOKEN}"}
        )
    finally:
        answers.set()
    assert told.status_code == 200
    assert "tram_journal_stall_seconds 7.5" in told.content.decode()
    assert "tram_lease_age_seconds 3.5" in told.content.decode()
    assert "tram_alerts_open{" not in told.content.decode()
