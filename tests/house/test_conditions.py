"""What `manage.py serve` refuses, in one line that says what to do."""

from typing import Any

import pytest
from django.test import override_settings

from chat.serving.conditions import CannotServe, require_several, what_no_redis_costs

POSTGRESQL = {"default": {"ENGINE": "django.db.backends.postgresql"}}
SQLITE = {"default": {"ENGINE": "django.db.backends.sqlite3"}}


def on(databases: dict[str, Any]) -> Any:
    return override_settings(DATABASES=databases)


@pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")
@pytest.mark.parametrize(
    ("workers", "role", "advice"),
    [(2, "all", "set DATABASE_URL"), (1, "web", "--role all"), (1, "runner", "--role all")],
)
def test_several_processes_need_postgresql(workers: int, role: str, advice: str) -> None:
    with on(POSTGRESQL):
        require_several(workers, role)
    with on(SQLITE), pytest.raises(CannotServe, match=advice):
        require_several(workers, role)


@pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")
def test_one_process_needs_nothing_and_less_is_none() -> None:
    with on(SQLITE):
        require_several(1, "all")
        with pytest.raises(CannotServe, match="1 at least"):
            require_several(0, "all")


@pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")
def test_windows_has_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.serving.conditions.sys.platform", "win32")
    with on(POSTGRESQL), pytest.raises(CannotServe, match="use --workers 1"):
        require_several(2, "all")


def test_without_redis_it_is_said_what_that_costs() -> None:
    said = what_no_redis_costs()
    assert "every 500 ms" in said
    assert "\n" not in said
