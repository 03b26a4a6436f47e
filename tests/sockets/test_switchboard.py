"""The switchboard goes on hearing, whatever it was told."""

import asyncio

from channels.layers import InMemoryChannelLayer
from structlog.testing import capture_logs

from chat.consumers.switchboard import Message, Switchboard


async def test_what_another_version_says_does_not_end_the_hearing() -> None:
    layer, heard = InMemoryChannelLayer(), asyncio.Queue[Message]()
    board = Switchboard(layer, "here")
    board.listen("people", heard.put_nowait)
    board.start()
    try:
        async with asyncio.timeout(60):
            await board.joined()
            with capture_logs() as logs:
                await layer.group_send("people", {"type": "told", "from": "there", "what": 1})
                told = {"type": "told", "from": "there", "group": "people"}
                await layer.group_send("people", told | {"message": {"type": "hello"}})
                assert await heard.get() == {"type": "hello"}
        assert [entry["event"] for entry in logs] == ["message_not_taken"]
    finally:
        await board.aclose()
