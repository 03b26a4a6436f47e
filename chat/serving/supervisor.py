"""The parent of several workers: starts them, replaces those that die, ends them in order.

It binds the address, and all workers accept from that one socket: while any of them lives nobody
is refused, and one that ends leaves no connection behind that it has not accepted. It runs no event
loop and touches no database.
"""

import selectors
import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from chat.serving.workers import Worker

SHORT_LIFE_SECONDS = 10.0
"""A worker that ended before it had served for so long died at once."""
PAUSES_SECONDS = (0.0, 1.0, 2.0, 4.0)
"""Before it is replaced, by how often it died at once in a row. Beyond that nothing helps."""
END_MARGIN_SECONDS = 30.0
"""Beyond its drain a worker may take so long to end."""
ENDING_SIGNALS = (signal.SIGTERM, signal.SIGINT)

Start = Callable[[int], Worker]


@dataclass(slots=True)
class _Slot:
    """The place of one worker, who holds it, and who will."""

    number: int
    worker: Worker | None = None
    successor: Worker | None = None
    deaths: int = 0
    start_at: float = 0.0


class Supervisor:
    """Keeps `number` workers, each made by `start(slot)`, slots counted from 1.

    `announce()` is called when all serve for the first time; `tell` takes lines for people.
    """

    def __init__(
        self,
        number: int,
        start: Start,
        *,
        drain_seconds: float,
        pauses_seconds: Sequence[float] = PAUSES_SECONDS,
        announce: Callable[[], None],
        tell: Callable[[str], None],
    ) -> None:
        self._slots = [_Slot(slot + 1) for slot in range(number)]
        self._start_worker = start
        self._pauses_seconds = pauses_seconds
        self._end_seconds = drain_seconds + END_MARGIN_SECONDS
        self._announce = announce
        self._tell = tell
        self._announced = False
        self._ending = False
        self._failed = False
        self._kill_at = float("inf")
        self._signals: deque[int] = deque()
        # Slots whose worker is still to be replaced by a new one, in order.
        self._to_renew: deque[_Slot] = deque()
        self._selector = selectors.DefaultSelector()

    def run(self) -> int:
        """Run until told to end; 0 after that, 1 when workers die at once again and again."""
        with _Signals(self._signals, self._selector):
            while True:
                self._obey()
                for slot in self._slots:
                    self._look_after(slot)
                if self._ending and not self._workers():
                    return 1 if self._failed else 0
                self._renew()
                self._wait()

    def _workers(self) -> list[Worker]:
        pairs = [(slot.worker, slot.successor) for slot in self._slots]
        return [worker for pair in pairs for worker in pair if worker is not None]

    def _obey(self) -> None:
        while self._signals:
            number = self._signals.popleft()
            if number in ENDING_SIGNALS:
                self._end(again=self._ending)
            elif number == signal.SIGHUP and not self._ending:
                self._tell("renewing all workers, one after the other")
                self._line_up()
        if time.monotonic() >= self._kill_at:
            self._kill_at = float("inf")
            for worker in self._workers():
                self._tell(f"worker {worker.slot} (process {worker.pid}) did not end: killed")
                worker.end(signal.SIGKILL)
                self._failed = True

    def _line_up(self) -> None:
        """Renew every worker once more; one whose successor is there already may have got older
        code than is there now."""
        waiting = list(self._to_renew)
        if waiting and waiting[0].successor is not None:
            del waiting[0]
        self._to_renew.extend(slot for slot in self._slots if slot not in waiting)

    def _end(self, *, again: bool) -> None:
        self._tell("stopping all workers at once" if again else "stopping all workers")
        self._ending = True
        self._to_renew.clear()
        self._kill_at = time.monotonic() + self._end_seconds
        for worker in self._workers():
            # One that leaves already drains: the signal would end it at once.
            if again or not worker.leaving:
                worker.end()

    def _look_after(self, slot: _Slot) -> None:
        now = time.monotonic()
        for worker in (slot.worker, slot.successor):
            if worker is not None:
                self._hear(worker)
        if slot.successor is not None and slot.successor.status is not None:
            self._tell(f"{_name(slot.successor)} {_how(slot.successor)}: renewing stops")
            self._forget(slot.successor)
            slot.successor = None
            self._to_renew.clear()
        if slot.worker is not None and slot.worker.status is not None:
            self._ended(slot, slot.worker, now)
        if slot.worker is None and not self._ending and now >= slot.start_at:
            slot.worker = self._start(slot)

    def _hear(self, worker: Worker) -> None:
        served_before = worker.serves
        if worker.line in self._selector.get_map() and not worker.hear():
            self._selector.unregister(worker.line)
        if worker.serves and not served_before:
            self._tell(f"{_name(worker)} serves")
            if not self._announced and all(s.worker and s.worker.serves for s in self._slots):
                self._announced = True
                self._announce()

    def _ended(self, slot: _Slot, worker: Worker, now: float) -> None:
        self._forget(worker)
        slot.worker, slot.successor = slot.successor, None
        if self._to_renew and self._to_renew[0] is slot:
            self._to_renew.popleft()
        if worker.leaving:
            self._tell(f"{_name(worker)} ended")
            return
        short = now - worker.served_at < SHORT_LIFE_SECONDS
        slot.deaths = slot.deaths + 1 if short else 1
        if slot.deaths > len(self._pauses_seconds):
            if not self._failed:
                self._tell(
                    f"worker {slot.number} died at once {slot.deaths} times in a row, so the site "
                    "ends; what it said above tells why"
                )
                self._failed = True
                self._end(again=False)
            return
        pause_seconds = self._pauses_seconds[slot.deaths - 1]
        slot.start_at = now + pause_seconds
        if not self._ending:
            again = "again now" if not pause_seconds else f"again in {pause_seconds:g} s"
            self._tell(f"{_name(worker)} {_how(worker)}: {again}")

    def _renew(self) -> None:
        """Renew the first of those that are to be renewed: the new one serves before the old one
        leaves."""
        if not self._to_renew:
            return
        slot = self._to_renew[0]
        if slot.worker is None or slot.worker.leaving:
            return
        if slot.successor is None:
            slot.successor = self._start(slot)
        elif slot.successor.serves:
            slot.worker.end()

    def _start(self, slot: _Slot) -> Worker:
        worker = self._start_worker(slot.number)
        self._selector.register(worker.line, selectors.EVENT_READ)
        return worker

    def _forget(self, worker: Worker) -> None:
        if worker.line in self._selector.get_map():
            self._selector.unregister(worker.line)
        worker.close()

    def _wait(self) -> None:
        """Wait until something happens: a signal (a child's end is one too), a word, a time."""
        due = [slot.start_at for slot in self._slots if slot.worker is None and not self._ending]
        soonest = min([*due, self._kill_at])
        timeout = None if soonest == float("inf") else max(0.0, soonest - time.monotonic())
        for key, _ in self._selector.select(timeout):
            if isinstance(key.data, _Signals):
                key.data.drain()


class _Signals:
    """Signals as events of a selector, so that none is lost between a look and a wait."""

    def __init__(self, heard: deque[int], selector: selectors.BaseSelector) -> None:
        self._heard, self._selector = heard, selector
        self._inlet, self._outlet = socket.socketpair()
        self._before: dict[int, Any] = {}

    def __enter__(self) -> None:
        for end in (self._inlet, self._outlet):
            end.setblocking(False)
        self._selector.register(self._outlet, selectors.EVENT_READ, self)
        signal.set_wakeup_fd(self._inlet.fileno(), warn_on_full_buffer=False)
        for number in (*ENDING_SIGNALS, signal.SIGHUP, signal.SIGCHLD):
            self._before[number] = signal.signal(number, self._hear)

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(-1)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._inlet.close()
        self._outlet.close()

    def drain(self) -> None:
        """Forget what woke the selector."""
        with suppress(BlockingIOError):
            self._outlet.recv(4096)

    def _hear(self, number: int, _frame: Any) -> None:
        if number != signal.SIGCHLD:
            self._heard.append(number)


def _name(worker: Worker) -> str:
    return f"worker {worker.slot} (process {worker.pid})"


def _how(worker: Worker) -> str:
    status = worker.status
    if status is not None and status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    return f"ended with status {status}"
