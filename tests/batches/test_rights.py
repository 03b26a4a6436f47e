"""Who may make, see, stop, resume and delete a batch."""

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest

from accounts.policy import Forbidden, NotVisible, Principal
from accounts.roles import Capability
from chat.models import Batch, BatchState, LineState
from chat.queries.batches import batch_for, batch_list, line_page
from chat.services.batch_changes import (
    delete_batch,
    may_delete,
    may_resume,
    may_stop,
    rename_batch,
    resume_batch,
    stop_batch,
)
from chat.services.batches import NewBatch, make_batch
from chat.services.errors import ContentInvalid, TooManyTurns
from tests.chat.admitting import MODEL

Change = Callable[[Principal, UUID], None]
CHANGES: dict[str, Change] = {
    "stop": stop_batch,
    "resume": resume_batch,
    "rename": lambda who, id: rename_batch(who, id, "Other"),
    "delete": delete_batch,
}


def made_by(who: Principal, *prompts: str) -> Batch:
    made = make_batch(who, NewBatch(prompts=prompts or ("One?",), model=MODEL))
    return Batch.objects.get(pk=made.batch_id)


@pytest.mark.parametrize("verb", CHANGES)
def test_strangers_find_nothing_and_viewers_may_only_look(
    verb: str, bob: Principal, dana: Principal, charlie: Principal
) -> None:
    batch = made_by(bob)
    with pytest.raises(NotVisible):
        CHANGES[verb](charlie, batch.pk)
    with pytest.raises(Forbidden):
        CHANGES[verb](dana, batch.pk)
    assert batch_for(dana, batch.pk) == batch
    batch.refresh_from_db()
    assert (batch.state, batch.name, batch.deleted_at) == ("running", "", None)


def test_viewers_make_none_and_strangers_see_none(
    bob: Principal, dana: Principal, charlie: Principal
) -> None:
    made_by(bob)
    with pytest.raises(Forbidden):
        made_by(dana)
    assert len(batch_list(dana).items) == 1
    assert batch_list(charlie).items == ()


def test_any_member_may_stop_it_but_only_its_person_goes_on_in_her_name(
    alice: Principal, bob: Principal
) -> None:
    batch = made_by(bob)
    stop_batch(alice, batch.pk)
    with pytest.raises(Forbidden):
        resume_batch(alice, batch.pk)
    batch.refresh_from_db()
    assert (may_stop(alice, batch), may_resume(alice, batch)) == (True, False)
    assert batch.state == BatchState.STOPPED

    resume_batch(bob, batch.pk)
    batch.refresh_from_db()
    assert batch.state == BatchState.RUNNING
    assert batch.running_since is not None


def test_its_person_and_owners_delete_it_and_no_other_member(
    alice: Principal, bob: Principal
) -> None:
    hers = made_by(alice)
    assert not may_delete(bob, hers)
    with pytest.raises(Forbidden):
        delete_batch(bob, hers.pk)
    delete_batch(alice, made_by(bob).pk)
    assert [view.id for view in batch_list(bob).items] == [hers.pk]


def test_a_key_of_an_owner_deletes_only_her_own(alice: Principal, bob: Principal) -> None:
    key = replace(alice, via="api_key", capabilities=frozenset({Capability.DELETE_CONVERSATION}))
    key = replace(key, capabilities=key.capabilities and key.capabilities | {_READ})
    with pytest.raises(Forbidden):
        delete_batch(key, made_by(bob).pk)
    delete_batch(key, made_by(alice).pk)


_READ = Capability.READ_CONVERSATION


def test_a_key_that_may_not_send_makes_none(bob: Principal) -> None:
    key = replace(bob, capabilities=frozenset({_READ}))
    with pytest.raises(Forbidden):
        made_by(key)


def test_a_deleted_batch_is_gone_for_everybody(bob: Principal) -> None:
    batch = made_by(bob)
    delete_batch(bob, batch.pk)
    for verb in CHANGES.values():
        with pytest.raises(NotVisible):
            verb(bob, batch.pk)
    assert batch_list(bob).items == ()


def test_as_many_run_at_a_time_as_may(bob: Principal, settings: object) -> None:
    settings.BATCHES = replace(settings.BATCHES, max_running_per_person=1)  # type: ignore[attr-defined]
    first = made_by(bob)
    with pytest.raises(TooManyTurns):
        made_by(bob)
    stop_batch(bob, first.pk)
    made_by(bob)
    with pytest.raises(TooManyTurns):
        resume_batch(bob, first.pk)


@pytest.mark.parametrize("limit", ["max_lines", "max_bytes"])
def test_a_batch_that_is_too_large_is_refused_whole(
    bob: Principal, settings: object, limit: str
) -> None:
    settings.BATCHES = replace(settings.BATCHES, **{limit: 2})  # type: ignore[attr-defined]
    with pytest.raises(ContentInvalid):
        made_by(bob, "One?", "Two?", "Three?")
    assert not Batch.objects.exists()


def test_lines_are_shown_by_state_and_in_pages(bob: Principal) -> None:
    made = make_batch(bob, NewBatch(content=b'"One?"\n{]\n"Two?"\n"Three?"', model=MODEL))
    batch = Batch.objects.get(pk=made.batch_id)

    first = line_page(batch, limit=2)
    rest = line_page(batch, after=first.next or 0)

    assert [line.number for line in (*first.items, *rest.items)] == [1, 2, 3, 4]
    assert rest.next is None
    (failed,) = line_page(batch, LineState.FAILED).items
    assert failed.error
    assert failed.error.message.startswith("Line 2: ")
