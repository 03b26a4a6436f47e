"""API keys: shown once, stored as a hash, never stronger than the person."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from accounts.errors import NotAMember, ScopeTooWide
from accounts.models import APIKey
from accounts.policy import allows
from accounts.roles import API_KEY_CAPABILITIES, Capability, Role
from accounts.services import people as people_services
from accounts.services import teams
from accounts.services.keys import create_api_key, find_api_key, revoke_api_key
from accounts.services.principals import principal_for_api_key
from accounts.signals import RightsChange
from tests.people import Cast


def test_a_key_looks_as_promised_and_holds_256_bits(people: Cast) -> None:
    made = create_api_key(people.bob, people.team, "script")
    assert re.fullmatch(r"tram_[0-9a-f]{10}_[0-9a-f]{64}", made.secret)


def test_the_secret_is_nowhere_in_the_database(people: Cast) -> None:
    made = create_api_key(people.bob, people.team, "script")
    secret = made.secret.rsplit("_", 1)[1]
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            assert secret not in repr(cursor.fetchall()), table


def test_the_key_acts_for_its_person_in_its_team_alone(people: Cast) -> None:
    made = create_api_key(people.alice, people.team, "script")
    principal = principal_for_api_key(made.secret)
    assert principal is not None
    assert (principal.user_id, principal.via) == (people.alice.pk, "api_key")
    assert dict(principal.roles) == {people.team.pk: Role.OWNER}
    assert principal.capabilities == API_KEY_CAPABILITIES
    assert not principal.is_staff
    assert not allows(principal, Capability.MANAGE_BUDGET, people.team.pk)
    assert allows(principal, Capability.SEND_MESSAGE, people.team.pk)


def test_a_reading_key_does_not_send(people: Cast) -> None:
    scopes = {Capability.READ_CONVERSATION}
    made = create_api_key(people.bob, people.team, "reader", scopes=scopes)
    principal = principal_for_api_key(made.secret)
    assert principal is not None
    assert allows(principal, Capability.READ_CONVERSATION, people.team.pk)
    assert not allows(principal, Capability.SEND_MESSAGE, people.team.pk)


def test_a_viewers_key_does_not_send(people: Cast) -> None:
    principal = principal_for_api_key(create_api_key(people.dana, people.team, "k").secret)
    assert principal is not None
    assert not allows(principal, Capability.SEND_MESSAGE, people.team.pk)


@pytest.mark.parametrize("capability", sorted(set(Capability) - API_KEY_CAPABILITIES, key=str))
def test_no_key_is_made_beyond_what_keys_may_carry(people: Cast, capability: Capability) -> None:
    with pytest.raises(ScopeTooWide):
        create_api_key(people.alice, people.team, "k", scopes={capability})


def test_a_stranger_gets_no_key_for_the_team(people: Cast) -> None:
    with pytest.raises(NotAMember):
        create_api_key(people.charlie, people.team, "k")


@pytest.mark.parametrize(
    "wrong",
    ["", "tram_", "tram__", "nonsense", "tram_0123456789_" + "0" * 64, "a_b_c_d", "tram_\ud800_x"],
)
def test_nonsense_is_no_key(people: Cast, wrong: str) -> None:
    assert principal_for_api_key(wrong) is None


def test_a_wrong_secret_behind_a_right_prefix_is_no_key(people: Cast) -> None:
    made = create_api_key(people.bob, people.team, "script")
    flipped = made.secret[:-1] + ("0" if made.secret[-1] != "0" else "1")
    assert find_api_key(flipped) is None
    assert find_api_key(made.secret) == made.key


def test_a_revoked_key_is_dead_and_its_connections_are_named(
    people: Cast, changes: list[RightsChange], django_capture_on_commit_callbacks: object
) -> None:
    made = create_api_key(people.bob, people.team, "script")
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        revoke_api_key(made.key)
        revoke_api_key(made.key)
    assert principal_for_api_key(made.secret) is None
    credential = str(made.key.pk)
    assert changes == [RightsChange(people.bob.pk, "api_key_revoked", credential=credential)]


def test_an_expired_key_is_dead(people: Cast) -> None:
    soon = timezone.now() + timedelta(hours=1)
    made = create_api_key(people.bob, people.team, "script", expires_at=soon)
    assert principal_for_api_key(made.secret) is not None
    APIKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert principal_for_api_key(made.secret) is None


def test_the_key_of_a_disabled_person_is_dead(people: Cast) -> None:
    made = create_api_key(people.bob, people.team, "script")
    people_services.disable_person(people.bob)
    assert principal_for_api_key(made.secret) is None


def test_the_role_of_a_key_follows_its_person(people: Cast) -> None:
    made = create_api_key(people.bob, people.team, "script")
    teams.change_role(people.team, people.bob, Role.VIEWER)
    principal = principal_for_api_key(made.secret)
    assert principal is not None
    assert not allows(principal, Capability.SEND_MESSAGE, people.team.pk)


def test_use_is_noted_once_a_minute(people: Cast) -> None:
    made = create_api_key(people.bob, people.team, "script")
    principal_for_api_key(made.secret)
    first = APIKey.objects.get(pk=made.key.pk).last_used_at
    assert first is not None
    principal_for_api_key(made.secret)
    assert APIKey.objects.get(pk=made.key.pk).last_used_at == first
