"""`python -m tests.benchmarks.way_in`: what stands between a program's request and the relay: the
thread time and the statements of proving the key and of admitting the turn, on SQLite."""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.servers import make_template, server_environment

TIMES = 200
MODEL = "gpt-4.1"


def measure() -> None:
    """Print both steps; Django is set up, the demo people are there."""
    from accounts.authentication import authenticate
    from accounts.models import Membership
    from accounts.services.keys import create_api_key
    from chat.completions import read_request
    from chat.services.completions import start_completion
    from chat.services.intents import Completion, Models, PromptMessage
    from tests.chat.admitting import finish

    member = Membership.objects.filter(user__username="alice", team__personal=False).get()
    secret = create_api_key(member.user, member.team, "bench").secret
    headers = [(b"authorization", b"Bearer " + secret.encode())]
    principal = authenticate(headers, None)
    assert principal is not None
    body = f'{{"model":"{MODEL}","messages":[{{"role":"user","content":"Hello"}}]}}'

    def admit() -> Any:
        completion = Completion(
            client_id=uuid4(),
            model=MODEL,
            asked_model=MODEL,
            prompt=(PromptMessage("user", "Hello"),),
            payload_sha256="a" * 64,
            is_new=True,
        )
        return start_completion(principal, completion, models=Models(MODEL), node="bench")

    show("prove the key", lambda: authenticate(headers, None))
    show("read the body", lambda: read_request(body))
    show("admit the turn", admit, finish)


def show(name: str, step: Callable[[], Any], after: Callable[[Any], None] | None = None) -> None:
    """Print the medians of a step, and its statements; `after` is not measured."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    walls_ms, threads_ms = [], []
    for _ in range(TIMES):
        wall, thread = time.perf_counter(), time.thread_time()
        done = step()
        threads_ms.append((time.thread_time() - thread) * 1000)
        walls_ms.append((time.perf_counter() - wall) * 1000)
        if after is not None:
            after(done)
    with CaptureQueriesContext(connection) as captured:
        step()
    print(
        f"{name:15} {statistics.median(walls_ms):6.2f} ms, of the thread "
        f"{statistics.median(threads_ms):6.2f} ms, {len(captured)} statements"
    )


def main() -> None:
    """Measure on a database of its own."""
    with tempfile.TemporaryDirectory() as folder:
        make_template(Path(folder))
        os.environ.update(server_environment(Path(folder)))
        os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
        import django

        django.setup()
        measure()


if __name__ == "__main__":
    main()
