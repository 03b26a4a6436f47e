"""The budget of an API key: made with it, refused by its name, changed later, told everywhere."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.errors import KeyDead
from accounts.models import APIKey, AuditEntry
from accounts.policy import Forbidden, NotVisible, Principal
from accounts.services.keys import create_api_key, revoke_api_key
from accounts.services.principals import principal_for_api_key, principal_for_user
from billing.alert_mail import subject_of
from billing.alert_webhook import payload_of
from billing.api_keys import (
    KeyBudget,
    KeyWish,
    budget_of_key,
    change_key_budget,
    make_key,
    make_own_key,
)
from billing.errors import AmountInvalid, BudgetExhausted, KeyBudgetOfOthers
from billing.holds import place_hold
from billing.limit_setting import NewLimit, set_limit
from billing.models import Budget, Limit, LimitScope, Period, SpendAlert
from billing.money import usd_to_nano
from billing.room import room_of, rooms_of_keys
from billing.verification import verify
from tests.billing.conftest import MODEL, give, settle_as
from tests.billing.limiting import a_period_passes
from tests.people import Cast, cast

TENTH = KeyBudget(usd_to_nano("0.1"))
# What 1,000 bytes and 1,000 tokens hold.
HELD = usd_to_nano("0.016")


@pytest.fixture
def people(db: None, priced: str) -> Cast:
    everybody = cast()
    give(everybody.team, "5")
    return everybody


def bobs(people: Cast) -> Principal:
    return principal_for_user(people.bob, people.team.pk)


def key_with(people: Cast, budget: KeyBudget | None = TENTH) -> APIKey:
    return make_own_key(
        bobs(people), people.team.pk, KeyWish("robot", budget=budget), actor=None
    ).key


def hold(key: APIKey | None, people: Cast, subject: str = "turn:1", max_tokens: int = 1000) -> None:
    place_hold(
        team_id=people.team.pk,
        person_id=people.bob.pk,
        subject=subject,
        model=MODEL,
        prompt_bytes=1000,
        max_tokens=max_tokens,
        api_key_id=key.pk if key else None,
    )


def figures(key: APIKey) -> tuple[int, int, int]:
    (room,) = rooms_of_keys([key])[key.pk]
    return room.granted_nano_usd, room.spent_nano_usd, room.held_nano_usd


def test_a_key_is_made_with_its_budget_or_not_at_all(people: Cast) -> None:
    key = key_with(people)
    assert budget_of_key(key) == TENTH
    assert figures(key) == (TENTH.amount_nano_usd, 0, 0)
    actions = AuditEntry.objects.order_by("id").values_list("action", flat=True)
    assert list(actions)[-2:] == ["api_key_created", "limit_set"]
    with pytest.raises(AmountInvalid):
        key_with(people, KeyBudget(-1))
    assert APIKey.objects.count() == 1


def test_beyond_it_the_key_is_refused_by_name_and_its_person_is_not(people: Cast) -> None:
    key = key_with(people, KeyBudget(HELD, Period.MONTH))
    hold(key, people)
    with pytest.raises(BudgetExhausted) as refused:
        hold(key, people, "turn:2")
    words = "The limit of this API key for this month has nothing left, this message needs up to"
    assert str(refused.value).startswith(words)
    assert (refused.value.scope, refused.value.period) == ("api_key", "month")
    assert refused.value.next_start is not None
    hold(None, people, "turn:3")
    assert figures(key) == (HELD, 0, HELD)
    settle_as("turn:1", 500, 500)
    assert figures(key) == (HELD, usd_to_nano("0.008"), 0)
    assert {found.code for found in verify().differences} <= {"guard_missing"}
    a_period_passes()
    assert figures(key) == (HELD, 0, 0)


def test_what_applies_to_a_key_is_told_from_the_credit_down(people: Cast) -> None:
    key = key_with(people)
    rooms = room_of(people.team.pk, people.bob.pk, api_key_id=key.pk)
    assert [room.scope for room in rooms] == ["credit", "api_key"]
    assert rooms[1].name == "The limit of this API key for this month"
    assert [room.scope for room in room_of(people.team.pk, people.bob.pk)] == ["credit"]
    (named,) = rooms_of_keys([key])[key.pk]
    assert named.name == "The limit of the API key robot for this month"


def test_a_changed_amount_counts_on_and_another_period_begins_anew(people: Cast) -> None:
    key = key_with(people)
    hold(key, people)
    change_key_budget(bobs(people), key.pk, KeyBudget(usd_to_nano("0.2")), actor=None)
    assert figures(key) == (usd_to_nano("0.2"), 0, HELD)
    change_key_budget(bobs(people), key.pk, KeyBudget(HELD, Period.DAY), actor=None)
    assert figures(key) == (HELD, 0, 0)
    change_key_budget(bobs(people), key.pk, None, actor=None)
    assert rooms_of_keys([key]) == {}
    assert not Limit.objects.filter(ended_at=None).exists()


def test_a_budget_that_somebody_else_has_set_stays(people: Cast) -> None:
    key = key_with(people, None)
    set_limit(
        NewLimit(
            scope=LimitScope.API_KEY,
            amount_nano_usd=HELD,
            team_id=people.team.pk,
            api_key_id=key.pk,
            period=Period.MONTH,
        )
    )
    Limit.objects.update(created_by=people.alice)
    with pytest.raises(KeyBudgetOfOthers):
        change_key_budget(bobs(people), key.pk, TENTH, actor=None)
    change_key_budget(bobs(people), key.pk, None, actor=None)
    assert figures(key) == (HELD, 0, 0)


def test_only_who_may_make_keys_makes_one_and_a_key_makes_none(people: Cast) -> None:
    wish, team_id = KeyWish("robot"), people.team.pk
    with pytest.raises(Forbidden):
        make_own_key(principal_for_user(people.dana, team_id), team_id, wish, actor=None)
    with pytest.raises(NotVisible):
        make_own_key(principal_for_user(people.charlie), team_id, wish, actor=None)
    program = principal_for_api_key(make_key(people.bob, people.team, wish).secret)
    assert program is not None
    with pytest.raises(Forbidden):
        make_own_key(program, team_id, wish, actor=None)
    assert APIKey.objects.count() == 1


def test_nobody_else_changes_the_budget_of_a_key_nor_of_a_dead_one(people: Cast) -> None:
    key = key_with(people)
    for stranger in (people.alice, people.dana, people.charlie):
        with pytest.raises(NotVisible):
            change_key_budget(principal_for_user(stranger), key.pk, None, actor=None)
    revoke_api_key(key)
    with pytest.raises(KeyDead):
        change_key_budget(bobs(people), key.pk, None, actor=None)
    assert Limit.objects.get().ended_at is None


def test_alerts_name_the_key(people: Cast) -> None:
    key = key_with(people, KeyBudget(HELD))
    hold(key, people)
    alert = SpendAlert.objects.filter(budget__api_key_id=key.pk).latest("percent")
    called = f"API key robot (tram_{key.prefix}_…), Team of Alice"
    assert subject_of(alert) == f"[Tram] {called}: 100 % used"
    told = payload_of(alert)
    assert (told["scope"], told["api_key_id"], told["whose"]) == ("api_key", key.pk, called)
    client = Client()
    client.force_login(people.alice)
    assert called in client.get(reverse("admin:billing_spendalert_changelist")).content.decode()


def test_the_administration_sets_filters_and_exports_limits_of_keys(people: Cast) -> None:
    key = create_api_key(people.bob, people.team, "robot").key
    client = Client()
    client.force_login(people.alice)
    form = {"scope": "api_key", "team": people.team.pk, "person": "", "conversation_id": ""}
    form |= {"period": "month", "zone": "", "amount_nano_usd": "2", "is_hard": "on"}
    form |= {"warn_percents": "80", "api_key": "tram_0000000000"}
    add = reverse("admin:billing_limit_add")
    assert "no API key that begins like this" in client.post(add, form).content.decode()
    foreign = create_api_key(people.charlie, people.other_team, "foreign").key
    form["api_key"] = f"tram_{foreign.prefix}"
    assert "of another team" in client.post(add, form).content.decode()
    form["api_key"] = ""
    assert "limit names it and its team" in client.post(add, form).content.decode()
    form["api_key"] = f"tram_{key.prefix}_…"
    assert client.post(add, form).status_code == 302
    limit = Limit.objects.get()
    assert (limit.api_key_id, limit.created_by) == (key.pk, people.alice)
    shown = reverse("admin:billing_limit_changelist")
    called = f"API key robot (tram_{key.prefix}_…), Team of Alice"
    for query in ({}, {"scope": "api_key"}, {"q": "robot"}, {"q": key.prefix}):
        assert called in client.get(shown, query).content.decode()
    assert called not in client.get(shown, {"scope": "team"}).content.decode()
    exported = client.get(reverse("admin:billing_limit_export")).content.decode()
    assert f"robot (tram_{key.prefix}_…)" in exported
    change = reverse("admin:billing_limit_change", args=[limit.pk])
    posted = {"amount_nano_usd": "3", "is_hard": "on", "warn_percents": "80"}
    assert client.post(change, posted).status_code == 302
    assert Limit.objects.get().amount_nano_usd == usd_to_nano("3")
    assert not Budget.objects.filter(limit=limit).exists()


def test_what_is_held_in_the_budget_of_another_key_is_found(people: Cast) -> None:
    key = key_with(people)
    hold(key, people)
    Budget.objects.filter(api_key_id=key.pk).update(api_key_id=key.pk + 1)
    assert "hold_of_other_key" in {found.code for found in verify().differences}


def test_ones_own_usage_tells_what_is_left_of_the_keys(people: Cast) -> None:
    hold(key_with(people), people)
    client = Client()
    for person, is_shown in ((people.bob, True), (people.alice, False)):
        client.force_login(person)
        shown = client.get(reverse("my_usage")).content.decode()
        assert ("The limit of the API key robot for this month" in shown) is is_shown
