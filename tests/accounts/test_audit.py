"""The audit log: one entry for each privileged action, and none ever changes."""

import pytest
from django.db import DatabaseError, connection, transaction

from accounts.guards import create_guards
from accounts.models import AuditEntry
from accounts.roles import Role
from accounts.services import keys, teams
from accounts.services import people as people_services
from accounts.services.audit import Actor
from tests.people import Cast


@pytest.mark.parametrize(
    ("action", "act"),
    [
        ("team_opened", lambda p, by: teams.open_team("New", p.bob, actor=by)),
        ("member_added", lambda p, by: teams.add_member(p.team, p.charlie, actor=by)),
        ("role_changed", lambda p, by: teams.change_role(p.team, p.bob, Role.ADMIN, actor=by)),
        ("member_removed", lambda p, by: teams.remove_member(p.team, p.bob, actor=by)),
        ("standing_changed", lambda p, by: people_services.disable_person(p.bob, actor=by)),
        ("api_key_created", lambda p, by: keys.create_api_key(p.bob, p.team, "k", actor=by)),
        ("person_created", lambda _p, by: people_services.create_person("eve", None, actor=by)),
    ],
)
def test_a_privileged_action_writes_one_entry(people: Cast, action: str, act: object) -> None:
    before = AuditEntry.objects.count()
    act(people, Actor(people.alice.pk, "alice", "192.0.2.1"))  # type: ignore[operator]
    assert AuditEntry.objects.count() == before + 1
    entry = AuditEntry.objects.latest("id")
    assert (entry.action, entry.actor, entry.ip) == (action, "alice", "192.0.2.1")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_auditentry SET actor = 'nobody'",
        "DELETE FROM accounts_auditentry",
    ],
)
def test_the_database_refuses_to_change_an_entry(people: Cast, statement: str) -> None:
    create_guards(connection)
    before = list(AuditEntry.objects.values())
    assert before
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        connection.cursor().execute(statement)
    assert list(AuditEntry.objects.values()) == before
