"""Cores, processes and what they use: straight from the kernel's accounting."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil


class OneCore(Exception):
    """The server and its load need a core each; this machine gives us one."""


def cores() -> tuple[int, int]:
    """Choose the server's core and the load's; raises OneCore."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        raise OneCore(OneCore.__doc__)
    return usable[-1], usable[0]


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Run on one core, and let processes started here inherit it."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its living descendants."""
    process = psutil.Process(pid)
    times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return float(sum(each.user + each.system for each in times))


def resident_bytes(pid: int) -> int:
    """Resident memory of a process and its descendants."""
    process = psutil.Process(pid)
    tree = (process, *process.children(recursive=True))
    return sum(int(each.memory_info().rss) for each in tree)


def describe() -> str:
    """One line about the machine and what runs on it."""
    name = platform.processor() or platform.machine()
    with Path("/proc/cpuinfo").open() as info:
        name = next((line.split(":")[1].strip() for line in info if "model name" in line), name)
    usable = len(os.sched_getaffinity(0))
    return (
        f"{usable} of {os.cpu_count()} cores, {name}, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f} before the run"
    )


def cpu_alone_seconds() -> float:
    """User and system time of this very process."""
    times = os.times()
    return times.user + times.system
