"""What goes to other processes goes in order, but for what must go at once."""

import asyncio

from chat.turns.bus import Unwatch
from chat.turns.post import Post
from tests.turns.doubles import until
from tests.turns.test_outlets import Wire


async def test_what_must_go_at_once_goes_before_all_that_waits() -> None:
    wire = Wire()
    wire.gate.clear()
    post = Post(wire)
    post.start()
    for number in range(3):
        post.send(f"node {number}", Unwatch("a", ()))
    await asyncio.sleep(0)
    post.send("owner", Unwatch("a", ()), urgent=True)
    wire.gate.set()
    await until(lambda: len(wire.sent) == 4)
    assert [node for node, _ in wire.sent] == ["node 0", "owner", "node 1", "node 2"]
    await post.aclose()
