"""Ends of turns that the database did not take, each in a file of its own, whole."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import msgspec
import structlog

from chat.services.ending import TurnEnd

log = structlog.get_logger(__name__)

SPOOL_FOLDER = "spool"
"""Within DATA_DIR."""
SUFFIX = ".json"
BROKEN_SUFFIX = ".broken"


class Spool:
    """A folder of ends, readable by this user alone. What is in it is applied once, then removed.

    All methods do file work: call them in a thread where that matters.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, end: TurnEnd) -> None:
        """Write an end, wholly or not at all. Raises OSError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # `mkstemp` makes it readable by this user alone.
        descriptor, name = tempfile.mkstemp(prefix=".", dir=self._folder)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.encode(end))
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self._path(end.turn_id))
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        self._sync_folder()

    def remove(self, turn_id: UUID) -> None:
        """Forget an end: it is stored now. Raises OSError."""
        self._path(turn_id).unlink(missing_ok=True)

    def ends(self) -> Iterator[TurnEnd]:
        """What is kept, oldest first. A file that is not an end is set aside under another name;
        one that cannot be read stays, and is told of."""
        for path in self._files():
            try:
                yield msgspec.json.decode(path.read_bytes(), type=TurnEnd)
            except FileNotFoundError:
                continue
            except OSError as error:
                log.error("spool_file_not_read", file=path.name, error=type(error).__name__)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                log.error("spool_file_broken", file=path.name, error=type(error).__name__)
                with suppress(OSError):
                    path.replace(path.with_suffix(BROKEN_SUFFIX))

    def _files(self) -> list[Path]:
        try:
            found = [path for path in self._folder.iterdir() if path.suffix == SUFFIX]
            return sorted(found, key=lambda path: path.stat().st_mtime_ns)
        except FileNotFoundError:
            return []
        except OSError as error:
            log.error("spool_not_read", error=type(error).__name__)
            return []

    def _path(self, turn_id: UUID) -> Path:
        return self._folder / f"{turn_id}{SUFFIX}"

    def _sync_folder(self) -> None:
        """Make the new name survive a crash of the machine, where that can be asked for."""
        if not hasattr(os, "O_DIRECTORY"):
            return
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
