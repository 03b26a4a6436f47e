"""API keys: how many, how they are called, and who sees and revokes them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.errors import KeyDead, KeyInvalid, KeyMadeBefore, TooManyKeys
from accounts.models import APIKey, AuditEntry
from accounts.policy import NotVisible, Principal
from accounts.roles import Role
from accounts.services import teams
from accounts.services.audit import Actor
from accounts.services.keys import create_api_key, new_prefix, revoke_api_key
from accounts.services.people import disable_person
from accounts.services.principals import principal_for_api_key, principal_for_user
from accounts.services.visible_keys import (
    key_for,
    own_key,
    revoke_visible_key,
    state_of,
    visible_keys,
)
from tests.people import Cast


def test_a_person_has_so_many_keys_and_dead_ones_do_not_count(people: Cast, settings: Any) -> None:
    settings.LIMITS = replace(settings.LIMITS, max_api_keys_per_person=2)
    first = create_api_key(people.bob, people.team, "one").key
    second = create_api_key(people.bob, people.team, "two").key
    with pytest.raises(TooManyKeys, match="at most 2 API keys"):
        create_api_key(people.bob, people.team, "three")
    revoke_api_key(first)
    create_api_key(people.bob, people.team, "three")
    APIKey.objects.filter(pk=second.pk).update(expires_at=timezone.now() - timedelta(days=1))
    create_api_key(people.bob, people.team, "four")


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"name": "x" * 121},
        {"name": "a\0b"},
        {"name": "k", "model_names": ["m" * 201]},
        {"name": "k", "model_names": ["a\nb"]},
        {"name": "k", "expires_at": timezone.now() - timedelta(seconds=1)},
        {"name": "k", "prefix": "TRAM"},
    ],
)
def test_a_key_that_makes_no_sense_is_not_made(people: Cast, wrong: dict[str, Any]) -> None:
    with pytest.raises(KeyInvalid):
        create_api_key(people.bob, people.team, **wrong)
    assert not APIKey.objects.exists()


def test_the_same_form_sent_twice_makes_one_key(people: Cast) -> None:
    prefix = new_prefix()
    made = create_api_key(people.bob, people.team, "robot", prefix=prefix)
    assert made.secret not in repr(made)
    with pytest.raises(KeyMadeBefore):
        create_api_key(people.bob, people.team, "robot", prefix=prefix)
    assert APIKey.objects.count() == 1


def test_the_list_of_models_goes_with_whoever_acts_by_the_key(people: Cast) -> None:
    made = create_api_key(people.bob, people.team, "k", model_names=["b", "a", "b"])
    assert made.key.model_names == ["a", "b"]
    principal = principal_for_api_key(made.secret)
    assert principal is not None
    assert principal.models == frozenset({"a", "b"})
    detail = AuditEntry.objects.get(action="api_key_created").detail
    assert (detail["models"], detail["expires"]) == ("a, b", "never")
    assert made.secret not in str(detail)


def seen_by(principal: Principal) -> set[str]:
    return set(visible_keys(principal).values_list("name", flat=True))


def test_a_key_is_seen_by_its_person_and_by_who_manages_its_team(people: Cast) -> None:
    for person in (people.alice, people.bob, people.dana):
        create_api_key(person, people.team, person.username)
    create_api_key(people.charlie, people.other_team, "charlie")
    program = principal_for_api_key(create_api_key(people.alice, people.team, "program").secret)
    assert program is not None
    assert seen_by(principal_for_user(people.alice)) == {"alice", "bob", "dana", "program"}
    assert seen_by(principal_for_user(people.bob)) == {"bob"}
    assert seen_by(principal_for_user(people.dana)) == {"dana"}
    assert seen_by(principal_for_user(people.charlie)) == {"charlie"}
    assert seen_by(program) == set()


def test_who_sees_a_key_revokes_it_and_nobody_else_does(people: Cast) -> None:
    made = create_api_key(people.bob, people.team, "robot")
    teams.change_role(people.team, people.dana, Role.ADMIN)
    with pytest.raises(NotVisible):
        revoke_visible_key(principal_for_user(people.charlie), made.key.pk, actor=None)
    with pytest.raises(NotVisible):
        key_for(principal_for_user(people.bob), 10**30)
    assert principal_for_api_key(made.secret) is not None
    admin = principal_for_user(people.dana)
    with pytest.raises(NotVisible):
        own_key(admin, made.key.pk)
    revoke_visible_key(admin, made.key.pk, actor=Actor(people.dana.pk, "dana"))
    assert principal_for_api_key(made.secret) is None
    assert AuditEntry.objects.get(action="api_key_revoked").actor == "dana"
    with pytest.raises(KeyDead):
        own_key(principal_for_user(people.bob), made.key.pk)


def test_a_key_tells_how_it_stands(people: Cast) -> None:
    key = create_api_key(people.bob, people.team, "robot").key
    bob = principal_for_user(people.bob)
    assert state_of(key_for(bob, key.pk)) == "active"
    disable_person(people.bob)
    assert state_of(key_for(bob, key.pk)) == "idle"
    APIKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert state_of(key_for(bob, key.pk)) == "expired"
    revoke_api_key(key)
    assert state_of(key_for(bob, key.pk)) == "revoked"
