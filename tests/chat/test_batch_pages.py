"""The pages of batches: who sees them, what is shown before sending, what is kept when refused."""

import re
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.policy import Principal
from chat.models import Batch, BatchLine, BatchState, LineState, Message
from chat.queries.batch_texts import prompt_of
from chat.services.batches import NewBatch, make_batch
from tests.chat import trees
from tests.chat.admitting import MODEL
from tests.people import Cast

LINES = b'{"id": "one", "prompt": "First"}\nnot JSON\n{"prompt": "Third"}\n'


pytestmark = pytest.mark.usefixtures("priced", "without_relay")


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def made(alice: Principal) -> Batch:
    """A batch of Alice with two good lines and a bad one between them."""
    wanted = NewBatch(content=LINES, name="Three <b>lines</b>", model=MODEL)
    return Batch.objects.get(pk=make_batch(alice, wanted).batch_id)


def text_of(response: Any) -> str:
    return re.sub(r"[ \n]+", " ", response.content.decode())


def test_a_batch_is_for_its_team_and_looks_absent_to_others(people: Cast, made: Batch) -> None:
    addresses = [f"/batches/{made.pk}/", f"/batches/{made.pk}/1/"]
    for address in addresses:
        assert Client().get(address)["Location"] == f"/accounts/login/?next={address}"
        assert signed_in(people.bob).get(address).status_code == 200
        assert signed_in(people.charlie).get(address).status_code == 404
    charlie = signed_in(people.charlie)
    assert str(made.pk) not in text_of(charlie.get("/batches/"))
    for act in ("stop", "resume", "delete"):
        assert charlie.post(f"/batches/{made.pk}/{act}/").status_code == 404
        assert charlie.get(f"/batches/{made.pk}/{act}/").status_code == 405
    assert charlie.get(f"/batches/{uuid4()}/").status_code == 404
    made.refresh_from_db()
    assert (made.state, made.deleted_at) == (BatchState.RUNNING, None)


def test_a_viewer_reads_and_finds_nothing_to_press(people: Cast, made: Batch) -> None:
    dana = signed_in(people.dana)
    listed, shown = text_of(dana.get("/batches/")), text_of(dana.get(f"/batches/{made.pk}/"))
    assert "Three &lt;b&gt;lines&lt;/b&gt;" in listed
    assert "Start the batch" not in listed
    assert "not begin a batch" in listed
    for act in ("stop", "delete"):
        assert f"/batches/{made.pk}/{act}/" not in shown
        assert dana.post(f"/batches/{made.pk}/{act}/").status_code == 403
    assert dana.post("/batches/", form_of(prompts="One")).status_code == 403
    assert Batch.objects.count() == 1


def test_a_member_stops_what_another_began_and_only_its_person_goes_on(
    people: Cast, made: Batch
) -> None:
    address = f"/batches/{made.pk}/"
    assert signed_in(people.bob).post(address + "stop/")["Location"] == address
    made.refresh_from_db()
    assert made.state == BatchState.STOPPED
    assert "resume/" not in text_of(signed_in(people.bob).get(address))
    assert signed_in(people.bob).post(address + "resume/").status_code == 403
    alice = signed_in(people.alice)
    assert f'action="{address}resume/"' in text_of(alice.get(address))
    assert alice.post(address + "resume/")["Location"] == address
    made.refresh_from_db()
    assert made.state == BatchState.RUNNING


def test_a_deleted_batch_is_gone_for_everybody(people: Cast, made: Batch) -> None:
    alice = signed_in(people.alice)
    answer = alice.post(f"/batches/{made.pk}/delete/", follow=True)
    assert "The batch is deleted." in text_of(answer)
    assert alice.get(f"/batches/{made.pk}/").status_code == 404


def test_lines_are_shown_by_state_and_page_and_whole(people: Cast, alice: Principal) -> None:
    long = "word " * 200
    content = "\n".join(["Tell me", "", *(f"Line {n}" for n in range(60)), long]).encode()
    wanted = NewBatch(content=content, form="text", model=MODEL)
    where = Batch.objects.get(pk=make_batch(alice, wanted).batch_id)
    BatchLine.objects.filter(batch=where, number=3).update(
        state=LineState.FAILED, error_code="relay_timeout", error_message="From the relay"
    )
    client, address = signed_in(people.bob), f"/batches/{where.pk}/"
    first = text_of(client.get(address))
    assert 'data-key="1"' in first
    assert 'data-key="51"' in first
    assert 'data-key="52"' not in first
    assert "?after=51" in first
    rest = text_of(client.get(address + "?after=51"))
    assert 'data-key="52"' in rest
    assert long not in rest
    assert long in text_of(client.get(f"{address}63/"))
    failed = text_of(client.get(address + "?state=failed"))
    assert re.findall(r'data-key="(\d+)"', failed) == ["3"]
    assert "The relay took too long. Send the line again, or ask for less." in failed
    assert client.get(f"{address}2/").status_code == 404
    assert client.get(f"{address}99999999999999999999/").status_code == 404
    assert client.get(address + "?state=odd&after=-7").status_code == 200


def form_of(**fields: Any) -> dict[str, Any]:
    return {"client_id": str(uuid4()), "model": MODEL, "concurrency": "3", "act": "send", **fields}


def file_of(content: bytes, name: str = "lines.jsonl") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def test_lines_are_looked_at_without_being_sent(people: Cast) -> None:
    alice = signed_in(people.alice)
    looked = text_of(alice.post("/batches/", form_of(act="check", file=file_of(LINES))))
    assert "<strong>3 lines</strong>" in looked
    assert "1 line is wrong. It fails without cost; the rest runs." in looked
    assert "Line 2: It is not JSON" in looked
    # The browser forgets the file; its text is in the field.
    assert "&quot;prompt&quot;: &quot;Third&quot;" in looked
    assert not Batch.objects.exists()


def test_what_was_typed_is_still_there_after_a_refusal(people: Cast) -> None:
    alice = signed_in(people.alice)
    typed = {"prompts": "My <prompt>", "name": "My name", "system": "Be kind", "concurrency": "999"}
    answer = alice.post("/batches/", form_of(**typed))
    assert answer.status_code == 400
    page = text_of(answer)
    assert "Answers at a time: Ensure this value is less than or equal to 20." in page
    for kept in ("My &lt;prompt&gt;", "My name", "Be kind"):
        assert kept in page
    both = alice.post("/batches/", form_of(prompts="One", file=file_of(LINES)))
    assert "Empty one of them" in text_of(both)
    assert "Choose a file" in text_of(alice.post("/batches/", form_of()))
    empty = alice.post("/batches/", form_of(file=file_of(b"\n\n")))
    assert "The batch has no lines" in text_of(empty)
    assert not Batch.objects.exists()


def test_a_batch_is_made_once_however_often_the_button_is_pressed(people: Cast) -> None:
    alice, sent = signed_in(people.alice), form_of(prompts="One\r\nTwo", name="Twice")
    first, second = (alice.post("/batches/", sent)["Location"] for _ in range(2))
    assert first == second
    batch = Batch.objects.get()
    assert (batch.lines_total, batch.concurrency, batch.name) == (2, 3, "Twice")
    # Another text by the same page is another batch.
    assert alice.post("/batches/", {**sent, "prompts": "Three"})["Location"] != first


def test_what_is_too_much_is_refused_with_its_bound(people: Cast, settings: Any) -> None:
    settings.BATCHES = replace(
        settings.BATCHES, max_lines=2, max_bytes=2048, max_running_per_person=1
    )
    alice = signed_in(people.alice)

    def told(prompts: str) -> str:
        return text_of(alice.post("/batches/", form_of(prompts=prompts)))

    assert "A batch has at most 2 lines. Make several of it." in told("One\nTwo\nThree")
    assert "A batch has at most 2.0\xa0KB. Make several of it." in told("x" * 3000)
    assert not Batch.objects.exists()
    told("One")
    assert "As many of your batches run as may (1)." in told("Two")
    assert Batch.objects.count() == 1


@pytest.mark.parametrize(
    ("name", "content", "waiting", "failed"),
    [
        ("lines.jsonl", b'not JSON\n{"prompt": "x"}', 1, 1),
        ("lines.txt", b'Say "{"\n{"prompt": "x"}', 2, 0),
        ("lines.txt", b'{"prompt": "x"}\nnot JSON', 1, 1),
        ("lines", b'\xef\xbb\xbf{"prompt": "x"}', 1, 0),
    ],
)
def test_a_file_is_json_by_its_name_or_by_its_first_line(
    people: Cast, name: str, content: bytes, waiting: int, failed: int
) -> None:
    alice = signed_in(people.alice)
    assert alice.post("/batches/", form_of(file=file_of(content, name))).status_code == 302
    states = list(BatchLine.objects.values_list("state", flat=True))
    assert (states.count("waiting"), states.count("failed")) == (waiting, failed)


@pytest.mark.parametrize(
    ("body", "prompt"),
    [
        (
            '{"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}]}',
            "U",
        ),
        (
            '{"messages": [{"content": [{"type": "text", "text": "A"}, {"type": "image_url"}]}]}',
            "A",
        ),
        ('{"messages": [{"content": [{"type": "image_url"}]}]}', None),
        ('{"messages": []}', None),
        ("[1]", None),
        ("\ud800 no JSON", None),
    ],
)
def test_a_prompt_is_the_last_thing_said_or_what_stands_there(
    body: str, prompt: str | None
) -> None:
    assert prompt_of(body) == (body if prompt is None else prompt)


def test_an_answer_without_text_shows_what_it_calls(people: Cast, made: Batch) -> None:
    where = trees.conversation(people.team, people.alice)
    turn = trees.answer(where, trees.say(where, "?"), "", finish_reason="length")
    calls = {"tool_calls": [{"function": {"name": "look_up"}}]}
    Message.objects.filter(pk=turn.assistant_message_id).update(extras=calls)
    BatchLine.objects.filter(batch=made, number=1).update(
        turn=turn, state=LineState.ANSWERED, ended_at=timezone.now()
    )
    for address in (f"/batches/{made.pk}/", f"/batches/{made.pk}/1/"):
        page = text_of(signed_in(people.bob).get(address))
        assert "look_up" in page
        assert "Cut where the longest answer ends." in page
