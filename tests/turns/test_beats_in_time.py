"""A beat does not wait for those who keep the database's threads busy."""

import asyncio
import threading

import pytest
from asgiref.sync import sync_to_async
from django.db import connections

from chat.crossing import THREADS, cross
from chat.models import Node
from chat.services.leases import BeatOf
from chat.turns.records import DatabaseTurnRecords

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_process_keeps_its_lease_while_all_its_threads_wait() -> None:
    free = threading.Event()
    waiting = [asyncio.create_task(cross(free.wait)) for _ in range(2 * THREADS)]
    await asyncio.sleep(0)
    try:
        async with asyncio.timeout(60):
            await DatabaseTurnRecords().beat(BeatOf("here", "all", False, ()))
        assert not any(task.done() for task in waiting)
    finally:
        free.set()
        await asyncio.gather(*waiting)
    assert await sync_to_async(_is_stored)("here")


def _is_stored(node: str) -> bool:
    try:
        return Node.objects.filter(name=node).exists()
    finally:
        connections.close_all()
