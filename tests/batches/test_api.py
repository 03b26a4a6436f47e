"""What the doors to batches take, give and refuse."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import AsyncClient, Client

from accounts.roles import Capability
from accounts.services import keys
from chat.models import Batch, BatchLine
from tests.people import Cast

MODEL = "gpt-4.1"
LINES = "\n".join(json.dumps({"id": f"p{n}", "prompt": f"Say {n}."}) for n in range(3))


@pytest.fixture
def client(people: Cast) -> Client:
    client = Client()
    client.force_login(people.bob)
    return client


def post(client: Client, body: Any, status: int = 201, **headers: Any) -> Any:
    response = client.post(
        "/api/batches", json.dumps(body), content_type="application/json", **headers
    )
    return json_of(response, status)


def json_of(response: Any, status: int = 200) -> Any:
    assert response.status_code == status, response.content
    return json.loads(response.content)


def test_a_batch_of_prompts_has_the_agreed_shape(client: Client, people: Cast) -> None:
    made = post(client, {"prompts": ["One?", {"prompt": "Two?", "id": 2}], "model": MODEL})

    assert made["lines"] == {"total": 2, "waiting": 2, "running": 0, "answered": 0, "failed": 0}
    assert made["owner"] == {"id": people.bob.pk, "name": "bob"}
    assert (made["state"], made["concurrency"], made["cost_nano_usd"]) == ("running", 5, 0)
    assert json_of(client.get(f"/api/batches/{made['id']}"))["id"] == made["id"]
    assert [each["id"] for each in json_of(client.get("/api/batches"))["items"]] == [made["id"]]
    lines = json_of(client.get(f"/api/batches/{made['id']}/lines"))
    assert [(each["number"], each["custom_id"]) for each in lines["items"]] == [(1, ""), (2, "2")]


def test_lines_of_json_may_be_the_body_and_a_file(client: Client) -> None:
    sent = client.post(
        f"/api/batches?model={MODEL}&concurrency=2&name=Mine",
        LINES,
        content_type="application/x-ndjson",
    )
    assert json_of(sent, 201)["concurrency"] == 2

    file = SimpleUploadedFile("three.jsonl", LINES.encode())
    options = json.dumps({"temperature": 0, "system": "Be brief."})
    form = {"file": file, "model": MODEL, "options": options}
    made = json_of(client.post("/api/batches", form), 201)

    assert (made["name"], made["lines"]["total"]) == ("three.jsonl", 3)
    body = json.loads(BatchLine.objects.filter(batch=made["id"]).earliest("number").body)
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert body["temperature"] == 0


def test_a_form_may_bring_its_prompts_as_lines_of_text(client: Client) -> None:
    made = json_of(client.post("/api/batches", {"prompts": "One?\n\nTwo?", "model": MODEL}), 201)
    assert made["lines"]["total"] == 2


def test_the_same_send_makes_one_batch_and_another_content_is_refused(client: Client) -> None:
    key: Any = {"HTTP_IDEMPOTENCY_KEY": "tonight"}
    first = post(client, {"prompts": ["One?"], "model": MODEL}, **key)

    again = post(client, {"prompts": ["One?"], "model": MODEL}, 200, **key)
    other = post(client, {"prompts": ["Two?"], "model": MODEL}, 409, **key)

    assert again["id"] == first["id"]
    assert other["error"]["code"] == "idempotency_mismatch"
    assert Batch.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"prompts": []}, "$.prompts"),
        ({"prompts": ["x"], "concurrency": 0}, "$.concurrency"),
        ({"prompts": ["x"], "concurrency": 21}, "$.concurrency"),
        ({"prompts": ["x"], "concurrency": "many"}, "$.concurrency"),
        ({"prompts": ["x"], "options": {"temperature": 9}}, "$.options.temperature"),
        ({"prompts": ["x"], "options": {"bogus": 1}}, "$.options.bogus"),
        ({"prompts": ["x"], "options": {"system": 1}}, "$.options.system"),
        ({"prompts": ["x"], "name": "n" * 201}, "$.name"),
        ({"prompts": ["x"], "bogus": 1}, "$"),
        (["x"], "$"),
    ],
)
def test_what_is_wrong_with_a_batch_is_said_with_its_path(
    client: Client, body: Any, path: str
) -> None:
    error = post(client, body, 400)["error"]
    assert (error["code"], error["detail"]["path"]) == ("bad_frame", path)
    assert not Batch.objects.exists()


@pytest.mark.parametrize("kind", ["application/x-ndjson", "text/plain", "application/json"])
@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf\n \n", b"\xff\xfea\x00", b'"\xe9"'])
def test_empty_batches_and_other_encodings_are_refused(
    client: Client, kind: str, content: bytes
) -> None:
    response = client.post("/api/batches", content, content_type=kind)
    assert json_of(response, 400)["error"]["code"] == "bad_frame"


@pytest.mark.parametrize(
    "content",
    [
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="'
        + b"n" * 5_000
        + b'"\r\n\r\nHello\r\n--x--\r\n',
        b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n" * 2_000 + b"--x--\r\n",
    ],
)
@pytest.mark.parametrize("boundary", ["; boundary=x", "", "; boundary=\xe9"])
def test_a_form_that_cannot_be_read_is_refused(
    client: Client, content: bytes, boundary: str
) -> None:
    client.raise_request_exception = False
    response = client.post("/api/batches", content, content_type=f"multipart/form-data{boundary}")
    assert json_of(response, 400)["error"]["code"] == "bad_frame"


def test_strangers_see_nothing_and_viewers_change_nothing(client: Client, people: Cast) -> None:
    id = post(client, {"prompts": ["One?"], "model": MODEL})["id"]
    stranger, viewer = Client(), Client()
    stranger.force_login(people.charlie)
    viewer.force_login(people.dana)

    for door in ("", "/lines", "/results"):
        assert stranger.get(f"/api/batches/{id}{door}").status_code == 404
    for door in ("/stop", "/resume"):
        assert stranger.post(f"/api/batches/{id}{door}").status_code == 404
        assert viewer.post(f"/api/batches/{id}{door}").status_code == 403
    assert stranger.delete(f"/api/batches/{id}").status_code == 404
    assert viewer.delete(f"/api/batches/{id}").status_code == 403
    assert json_of(viewer.get(f"/api/batches/{id}"))["state"] == "running"
    assert json_of(stranger.get("/api/batches"))["items"] == []
    assert json_of(Client().get(f"/api/batches/{uuid4()}"), 401)["error"]["code"] == "not_signed_in"
    post(viewer, {"prompts": ["One?"], "model": MODEL}, 403)


def test_a_key_makes_batches_within_its_scopes(people: Cast) -> None:
    made = keys.create_api_key(people.bob, people.team, "for batches")
    held: Any = {"HTTP_AUTHORIZATION": f"Bearer {made.secret}"}

    id = post(Client(), {"prompts": ["One?"], "model": MODEL}, **held)["id"]

    assert Batch.objects.get(pk=id).api_key_id is not None
    json_of(Client().post(f"/api/batches/{id}/stop", **held))


def test_a_key_that_only_asks_is_told_of_the_batch_it_made_and_reads_none(people: Cast) -> None:
    scopes = [Capability.SEND_MESSAGE]
    made = keys.create_api_key(people.bob, people.team, "only asks", scopes=scopes)
    held: Any = {"HTTP_AUTHORIZATION": f"Bearer {made.secret}"}

    id = post(Client(), {"prompts": ["One?"], "model": MODEL}, **held)["id"]

    for path in ("", "/lines", "/results"):
        json_of(Client().get(f"/api/batches/{id}{path}", **held), 403)
    json_of(Client().get("/api/models", **held))


def test_stopping_renaming_resuming_and_deleting(client: Client) -> None:
    id = post(client, {"prompts": ["One?"], "model": MODEL})["id"]

    assert json_of(client.post(f"/api/batches/{id}/stop"))["state"] == "stopped"
    renamed = client.patch(
        f"/api/batches/{id}", json.dumps({"name": "Mine"}), content_type="application/json"
    )
    assert json_of(renamed)["name"] == "Mine"
    assert json_of(client.post(f"/api/batches/{id}/resume"))["state"] == "running"
    assert client.delete(f"/api/batches/{id}").status_code == 204
    assert client.get(f"/api/batches/{id}").status_code == 404
    assert json_of(client.get("/api/batches"))["items"] == []


@pytest.mark.django_db(transaction=True)
async def test_lines_that_failed_are_among_the_results(people: Cast) -> None:
    client = AsyncClient()
    await client.aforce_login(people.bob)
    sent = await client.post(
        f"/api/batches?model={MODEL}", "{]\n[1]\n", content_type="application/x-ndjson"
    )
    made = json_of(sent, 201)
    assert (made["state"], made["lines"]["failed"]) == ("finished", 2)

    response: Any = await client.get(f"/api/batches/{made['id']}/results")
    lines = b"".join([part async for part in response.streaming_content]).splitlines()
    first = json.loads(lines[0])
    assert (first["custom_id"], first["response"]) == ("line-1", None)
    assert first["error"]["message"].startswith("Line 1: It is not JSON")

    response = await client.get(f"/api/batches/{made['id']}/results?format=csv")
    table = b"".join([part async for part in response.streaming_content]).decode("utf-8-sig")
    assert table.splitlines()[1].startswith("1,line-1,failed,")
