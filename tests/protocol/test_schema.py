"""What is published of the protocol is what the code speaks."""

import json
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from chat.protocol import schema
from tests.servers import TramServer
from tests.socket_client import SocketClient


def validator(kind: str) -> Draft202012Validator:
    document = schema.json_schema()
    return Draft202012Validator({**document, "$ref": f"#/$defs/{kind}"})


@pytest.mark.parametrize("path", schema.published(), ids=lambda path: path.name)
def test_the_published_files_are_up_to_date(path: Any) -> None:
    assert path.read_text() == schema.published()[path], "run `make protocol`"


def test_every_command_and_event_is_documented() -> None:
    text = (schema.ROOT / "docs" / "protocol.md").read_text()
    for kind in [*schema.COMMANDS, *schema.EVENTS]:
        tag = kind.__struct_config__.tag
        assert f"`{tag}`" in text, f"docs/protocol.md does not tell of {tag}"


@pytest.mark.parametrize("kind", [*schema.COMMANDS, *schema.EVENTS])
def test_a_frame_with_an_unknown_type_fits_nothing(kind: type[msgspec.Struct]) -> None:
    which = "commands" if kind in schema.COMMANDS else "events"
    assert not validator(which).is_valid({"type": "fly"})
    assert not validator(which).is_valid([])


async def test_every_frame_of_a_conversation_fits_the_schema(tram_server: TramServer) -> None:
    client = tram_server.sign_in("alice")
    try:
        headers = tram_server.socket_headers(client)
    finally:
        client.close()
    async with await SocketClient.open(tram_server.ws_url, headers) as alice:
        accepted = await alice.chat("Say something short", model="deepseek-v3.2")
        await alice.done(accepted["turn"])
        await alice.send(
            type="attach", conversation=accepted["conversation"], turn=accepted["turn"]
        )
        await alice.wait_for(lambda frame: frame["type"] == "snapshot")
        await alice.send_raw("{")
        await alice.wait_for(lambda frame: frame["type"] == "error")
        await alice.send(type="ping")
        await alice.wait_for(lambda frame: frame["type"] == "pong")
    events = validator("events")
    kinds = {frame["type"] for frame in alice.frames}
    assert {"ready", "accepted", "chunk", "done", "attached", "snapshot", "error"} <= kinds
    for frame in alice.frames:
        events.validate(json.loads(json.dumps(frame)))
