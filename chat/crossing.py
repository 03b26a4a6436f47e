"""The one bridge from async code to the synchronous ORM."""

import asyncio
import contextvars
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import close_old_connections, connections

P = ParamSpec("P")
R = TypeVar("R")

THREADS = 8
"""Threads that may be in the database at a time; more only queue for the same locks."""

_pool = ThreadPoolExecutor(THREADS, thread_name_prefix="crossing")
# Past all that waits: who is late with a beat is taken for dead.
_pool_of_beats = ThreadPoolExecutor(1, thread_name_prefix="crossing of beats")


def _run(fn: Callable[[], R]) -> R:
    close_old_connections()
    try:
        return fn()
    finally:
        for connection in connections.all(initialized_only=True):
            # A pooled connection goes back to its pool; SQLite's stays open for the next call.
            if connection.settings_dict["CONN_MAX_AGE"] == 0 and connection.vendor != "sqlite":
                connection.close()


async def cross(fn: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run `fn` in a thread that may use the ORM, and give back what it returns or raises.

    Pass and return plain frozen values: a model instance fetched there must not be used here.
    Cancelling the await does not stop `fn`; a transaction it opened ends by itself.
    """
    return await _run_in(_pool, functools.partial(fn, *args, **kwargs))


async def cross_in_time(fn: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """The same in a thread of its own, for beats: however many others wait for a lock or for a
    long question, they go through."""
    return await _run_in(_pool_of_beats, functools.partial(fn, *args, **kwargs))


async def _run_in(pool: ThreadPoolExecutor, fn: Callable[[], R]) -> R:
    context = contextvars.copy_context()
    call = functools.partial(context.run, fn)
    return await asyncio.get_running_loop().run_in_executor(pool, _run, call)
