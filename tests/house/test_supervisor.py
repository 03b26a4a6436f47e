"""The parent of several workers, over small programs instead of the site."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from chat.serving.supervisor import Supervisor
from chat.serving.workers import Worker

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="one process on Windows")

# Says on its line that it serves, then waits for a signal.
SERVES = """
import signal, socket, sys
line = socket.socket(fileno=int(sys.argv[1].rpartition(":")[2]))
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
line.send(b"ready\\n")
while True:
    signal.pause()
"""
# Ends only at the second signal.
DRAINS_FOR_EVER = SERVES.replace("sys.exit(0)", "signal.signal(signal.SIGTERM, signal.SIG_DFL)")
DIES = "raise SystemExit(3)"


class Parent:
    """A supervisor, what it said, and what is done when it says something."""

    def __init__(self, number: int, programs: Callable[[int], str]) -> None:
        self.said: list[str] = []
        self.started: list[Worker] = []
        self._programs = programs
        self._reactions: list[tuple[str, Callable[[], None]]] = []
        self._supervisor = Supervisor(
            number,
            self._start,
            drain_seconds=60,
            pauses_seconds=(0.0, 0.01, 0.02),
            announce=lambda: self._tell("all serve"),
            tell=self._tell,
        )

    def when(self, words: str, react: Callable[[], None]) -> None:
        """Do something the first time a line with these words is said."""
        self._reactions.append((words, react))

    def run(self) -> int:
        return self._supervisor.run()

    def _start(self, slot: int) -> Worker:
        self.started.append(Worker(slot, ["-c", self._programs(len(self.started))], ()))
        return self.started[-1]

    def _tell(self, line: str) -> None:
        self.said.append(line)
        for reaction in list(self._reactions):
            if reaction[0] in line:
                self._reactions.remove(reaction)
                reaction[1]()


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.fixture(autouse=True)
def nobody_waits_for_ever() -> object:
    """A parent that hangs is told to end, twice."""
    timers = [threading.Timer(60 + i, send, [signal.SIGTERM]) for i in range(2)]
    for timer in timers:
        timer.daemon = True
        timer.start()
    yield
    for timer in timers:
        timer.cancel()


def test_a_signal_ends_all_workers_and_then_the_parent() -> None:
    parent = Parent(3, lambda _: SERVES)
    parent.when("all serve", lambda: send(signal.SIGINT))
    assert parent.run() == 0
    assert [worker.status for worker in parent.started] == [0, 0, 0]


def test_a_signal_before_anybody_serves_ends_them_too() -> None:
    parent = Parent(1, lambda _: "import signal; signal.pause()")
    threading.Timer(0.5, send, [signal.SIGTERM]).start()
    assert parent.run() == 0
    assert [worker.status for worker in parent.started] == [-signal.SIGTERM]


def test_a_second_signal_ends_those_that_still_drain() -> None:
    parent = Parent(2, lambda number: DRAINS_FOR_EVER if number else SERVES)
    parent.when("all serve", lambda: send(signal.SIGTERM))
    # The other one drains: told again, it ends.
    parent.when("ended", lambda: send(signal.SIGTERM))
    assert parent.run() == 0
    assert [worker.status for worker in parent.started] == [0, -signal.SIGTERM]
    assert "stopping all workers at once" in parent.said


def test_one_that_dies_is_replaced() -> None:
    parent = Parent(2, lambda _: SERVES)
    parent.when("all serve", lambda: os.kill(parent.started[0].pid, signal.SIGKILL))
    parent.when(
        "was killed by SIGKILL: again now",
        lambda: parent.when("worker 1", lambda: send(signal.SIGTERM)),
    )
    assert parent.run() == 0
    assert [worker.slot for worker in parent.started] == [1, 2, 1]
    assert sum("serves" in line for line in parent.said) == 3


def test_workers_that_die_at_once_again_and_again_end_the_parent_with_one_line() -> None:
    parent = Parent(2, lambda number: SERVES if number == 1 else DIES)
    assert parent.run() == 1
    assert [worker.slot for worker in parent.started] == [1, 2, 1, 1, 1]
    assert "worker 1 died at once 4 times in a row, so the site ends" in "\n".join(parent.said)
    assert parent.started[1].status == 0


def test_a_renewal_starts_the_new_one_first_and_one_after_the_other() -> None:
    parent = Parent(2, lambda _: SERVES)
    parent.when("all serve", lambda: send(signal.SIGHUP))
    ended: list[str] = []

    def count() -> None:
        ended.append(parent.said[-1])
        if len(ended) == 2:
            send(signal.SIGTERM)
        else:
            parent.when("ended", count)

    parent.when("ended", count)
    assert parent.run() == 0
    first, second, third, fourth = (f"(process {worker.pid})" for worker in parent.started)
    order = [
        f"worker 1 {third} serves",
        f"worker 1 {first} ended",
        f"worker 2 {fourth} serves",
        f"worker 2 {second} ended",
    ]
    assert [line for line in parent.said if line in order] == order


def test_a_renewal_in_the_middle_of_another_renews_also_those_that_were_new() -> None:
    parent = Parent(1, lambda _: SERVES)
    parent.when("all serve", lambda: send(signal.SIGHUP))

    def again() -> None:
        # Twice is not more than once.
        for _ in range(2):
            send(signal.SIGHUP)
        parent.when("ended", lambda: parent.when("ended", lambda: send(signal.SIGTERM)))

    # The successor of the first renewal serves; its predecessor has not left yet.
    parent.when("renewing", lambda: parent.when("serves", again))
    assert parent.run() == 0
    assert len(parent.started) == 3


def test_a_new_one_that_cannot_start_leaves_the_old_one_where_it_is() -> None:
    parent = Parent(1, lambda number: DIES if number else SERVES)
    parent.when("all serve", lambda: send(signal.SIGHUP))
    parent.when("renewing stops", lambda: send(signal.SIGTERM))
    assert parent.run() == 0
    assert [worker.status for worker in parent.started] == [0, 3]


def test_a_worker_notices_that_its_parent_is_gone(tmp_path: Path) -> None:
    told = tmp_path / "told"
    program = f"""
import sys, time
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from pathlib import Path
from chat.serving.workers import ParentLine
line = ParentLine(int(sys.argv[1].rpartition(":")[2]), grace_seconds=0)
line.follow(lambda: Path({str(told)!r}).touch())
line.say_ready()
time.sleep(60)
"""
    worker = Worker(1, ["-c", program], ())
    worker.line.setblocking(True)
    assert worker.hear()
    assert worker.serves
    worker.close()
    assert worker._process.wait(60) == 1
    assert told.exists()
