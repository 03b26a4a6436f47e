"""A wrong clock for one process: Python imports this first where its folder is in PYTHONPATH.

`time.time` and `datetime.now` are wrong by as many seconds as the file CLOCK_FILE says, now: so
the clock of a running process jumps when the file is written. Monotonic time is what it is, as it
is when a real clock is set.
"""

import datetime
import os
import time
from pathlib import Path
from typing import Any

_FILE = Path(os.environ.get("CLOCK_FILE", os.devnull))
_time, _time_ns = time.time, time.time_ns
_datetime = datetime.datetime


def _wrong_by_seconds() -> int:
    try:
        return int(_FILE.read_text() or 0)
    except (OSError, ValueError):
        return 0


class _Meta(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _datetime)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, _datetime)


class _WrongDatetime(_datetime, metaclass=_Meta):
    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> Any:
        return _datetime.now(tz) + datetime.timedelta(seconds=_wrong_by_seconds())

    @classmethod
    def utcnow(cls) -> Any:
        return cls.now(datetime.UTC).replace(tzinfo=None)


time.time = lambda: _time() + _wrong_by_seconds()
time.time_ns = lambda: _time_ns() + _wrong_by_seconds() * 10**9
datetime.datetime = _WrongDatetime  # type: ignore[misc]
