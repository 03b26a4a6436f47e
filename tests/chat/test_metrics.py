"""The door of the metrics, and that each of them is told of in the documents."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

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
