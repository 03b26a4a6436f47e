"""Keys of relays at rest: sealed, bound to their relay, rotated, and in no text of ours."""

import io
from dataclasses import replace
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from chat.models import Relay, RelayKey
from chat.services.relay_keys import KeyUnusable, NoSecret, is_usable, rotate, seal, unseal
from chat.turns.relays.stored import stored_relays
from config.logs import Redactor

FIRST, SECOND = "first-secret-" + "a" * 30, "second-secret-" + "b" * 30
CANARY = "zz-canary-7f3b9c1d5e"  # no shape that a redactor could know


@pytest.fixture(autouse=True)
def _secret(settings: Any) -> None:
    settings.RELAY_KEY_SECRETS = (FIRST,)


def relay(name: str = "one", **fields: Any) -> Relay:
    fields.setdefault("base_url", "https://one.example/v1")
    return Relay.objects.create(name=name, **fields)


def add_key(to: Relay, key: str = CANARY, label: str = "main", **fields: Any) -> RelayKey:
    row = RelayKey(relay=to, label=label, **fields)
    seal(row, key)
    row.save()
    return row


def stored(row: RelayKey) -> RelayKey:
    return RelayKey.objects.select_related("relay").get(pk=row.pk)


def dump() -> str:
    """Everything in the database, as a thief would have it."""
    texts = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            texts += [repr(row) for row in cursor.fetchall()]
    return "\n".join(texts)


@pytest.mark.django_db
def test_a_key_opens_and_the_database_does_not_hold_it() -> None:
    row = add_key(relay())
    assert unseal(stored(row)) == CANARY
    assert stored(row).last_four == CANARY[-4:]
    everything = dump()
    assert row.sealed in everything  # the dump sees the row
    assert CANARY not in everything


@pytest.mark.django_db
def test_four_characters_of_a_short_key_would_be_too_many() -> None:
    assert add_key(relay(), "hs_demo").last_four == ""


@pytest.mark.django_db
def test_without_a_secret_no_key_is_kept_and_none_opens(settings: Any) -> None:
    row = add_key(relay())
    settings.RELAY_KEY_SECRETS = ()
    with pytest.raises(NoSecret, match="RELAY_KEY_SECRETS"):
        add_key(row.relay, label="other")
    assert not is_usable(stored(row))
    with pytest.raises(NoSecret):
        rotate()


@pytest.mark.django_db
def test_a_key_moved_to_another_relay_does_not_open() -> None:
    row, other = add_key(relay()), relay("two")
    RelayKey.objects.filter(pk=row.pk).update(relay=other)
    with pytest.raises(KeyUnusable) as refusal:
        unseal(stored(row))
    assert CANARY not in str(refusal.value)


@pytest.mark.parametrize(
    ("change", "usable"),
    [
        ({"base_url": "https://one.example/other/v2"}, True),
        ({"base_url": "https://one.example:443/v1"}, True),
        ({"ws_url": "wss://one.example/v1/chat/completions"}, True),
        ({"base_url": "https://evil.example/v1"}, False),
        ({"base_url": "http://one.example/v1"}, False),
        ({"base_url": "https://one.example:8443/v1"}, False),
        ({"ws_url": "wss://evil.example/v1"}, False),
        ({"ws_url": "ws://one.example/v1"}, False),
    ],
)
@pytest.mark.django_db
def test_a_key_goes_only_to_the_hosts_it_was_entered_for(
    change: dict[str, str], usable: bool
) -> None:
    row = add_key(relay())
    Relay.objects.update(**change)
    assert is_usable(stored(row)) is usable


@pytest.mark.parametrize("sealed", ["", "é", "gAAAAA-ü", "x" * 100])
@pytest.mark.django_db
def test_what_was_never_sealed_is_unusable_and_no_more(sealed: str) -> None:
    row = add_key(relay())
    add_key(relay("two", base_url="https://two.example/v1"))
    RelayKey.objects.filter(pk=row.pk).update(sealed=sealed)
    assert not is_usable(stored(row))
    assert [each.name for each in stored_relays()] == ["two"]
    assert rotate() == (1, 1)


@pytest.mark.django_db
def test_a_tampered_key_fails_closed_and_the_others_work(caplog: pytest.LogCaptureFixture) -> None:
    one = relay()
    row = add_key(one)
    add_key(one, "hs_other-key-0123456789", "other")
    middle = len(row.sealed) // 2
    for broken in (
        row.sealed[:middle]
        + ("A" if row.sealed[middle] != "A" else "B")
        + row.sealed[middle + 1 :],
        row.sealed[:-4],
        "",
        "not sealed at all",
        CANARY,
    ):
        RelayKey.objects.filter(pk=row.pk).update(sealed=broken)
        assert not is_usable(stored(row))
        assert [each.key_label for each in stored_relays()] == ["other"]
    assert "relay_key_unusable" in caplog.text
    assert CANARY not in caplog.text


@pytest.mark.parametrize(
    "odd", [{"base_url": "https://x:y/v1"}, {"base_url": ""}, {"transport": "pigeon"}]
)
@pytest.mark.django_db
def test_a_row_changed_by_hand_leaves_the_others_alone(odd: dict[str, str]) -> None:
    add_key(relay())
    add_key(relay("two"))
    Relay.objects.filter(name="one").update(**odd)
    assert [each.name for each in stored_relays()] == ["two"]


@pytest.mark.django_db
def test_rotation_seals_all_keys_with_the_first_secret(settings: Any) -> None:
    one = relay()
    rows = [add_key(one, f"hs_key-number-{n}-0123456789", f"key {n}") for n in range(3)]
    settings.RELAY_KEY_SECRETS = (SECOND, FIRST)
    assert all(is_usable(stored(row)) for row in rows)
    out = io.StringIO()
    call_command("rotaterelaykeys", stdout=out)
    assert out.getvalue() == "sealed anew: 3, do not open: 0\n"
    settings.RELAY_KEY_SECRETS = (SECOND,)
    assert [unseal(stored(row)) for row in rows] == [
        f"hs_key-number-{n}-0123456789" for n in range(3)
    ]
    assert len({stored(row).secret_id for row in rows}) == 1
    assert stored(rows[0]).secret_id != rows[0].secret_id
    settings.RELAY_KEY_SECRETS = (FIRST,)
    assert not is_usable(stored(rows[0]))


@pytest.mark.django_db
def test_rotation_leaves_what_does_not_open_and_says_so(settings: Any) -> None:
    row, good = add_key(relay()), add_key(relay("two"))
    RelayKey.objects.filter(pk=row.pk).update(sealed="broken")
    settings.RELAY_KEY_SECRETS = (SECOND, FIRST)
    out = io.StringIO()
    with pytest.raises(CommandError, match="Keep the old secrets"):
        call_command("rotaterelaykeys", stdout=out)
    assert "sealed anew: 1, do not open: 1" in out.getvalue()
    assert (stored(row).sealed, unseal(stored(good))) == ("broken", CANARY)
    settings.RELAY_KEY_SECRETS = ()
    with pytest.raises(CommandError, match="RELAY_KEY_SECRETS"):
        call_command("rotaterelaykeys")


@pytest.mark.django_db
def test_logs_hide_keys_of_the_database_whatever_their_shape() -> None:
    unseal(stored(add_key(relay(), "unlike-any-other-key-42")))
    row = add_key(relay("two"))
    hidden = Redactor(()).text(f"key unlike-any-other-key-42 and {row.sealed} end")
    assert "unlike-any-other-key-42" not in hidden
    assert row.sealed[:12] not in hidden
    assert hidden.endswith(" end")


@pytest.mark.django_db
def test_what_is_loaded_is_enabled_and_takes_what_it_leaves_open_from_the_installation(
    settings: Any,
) -> None:
    settings.RELAY_PRIVATE_NETWORKS = ("10.0.0.0/8",)
    own = relay(
        "own",
        idle_timeout_seconds=7,
        max_retries=0,
        tokens_per_minute=0,
        weight=2,
        models_allowed="gpt-*\nclaude-*",
        transport="sse",
    )
    add_key(own, weight=3)
    add_key(own, label="off", enabled=False)
    add_key(relay("off", enabled=False))
    (found,) = stored_relays()
    assert (found.name, found.key_label, found.api_key) == ("own", "main", CANARY)
    assert (found.idle_timeout_seconds, found.max_retries, found.weight) == (7, 0, 6)
    assert found.connect_timeout_seconds == settings.RELAY.connect_timeout_seconds
    assert found.models == ("gpt-*", "claude-*")
    assert found.networks == ("10.0.0.0/8",)
    assert CANARY not in repr(found)


@pytest.mark.django_db
def test_a_name_of_the_environment_stays_the_environments(settings: Any) -> None:
    add_key(relay("demo"))
    assert [each.name for each in stored_relays()] == ["demo"]
    settings.RELAY = replace(settings.RELAY, embedded=("demo=http://127.0.0.1:1/v1",))
    assert stored_relays() == ()
