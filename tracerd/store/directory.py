"""The trace directory: made if it is not there, and locked for the daemon's life."""

import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tracerd.store.lock import LOCK_TRIES, Lock
from tracerd.store.paths import check_private, make_private

logger = logging.getLogger(__name__)

LOCK_NAME = ".lock"
"""The file in the directory that its daemon locks; once made it stays."""


@dataclass(frozen=True, slots=True)
class Forbidden:
    """What no export may touch: the trace directory, and single files such as sockets and locks. Resolved paths."""

    directory: str
    files: frozenset[str]


class TraceDirectory:
    """The directory of the logs, held by one daemon.

    Args:
        path: An absolute path.
        own_files: What the daemon has elsewhere, such as sockets and their locks.

    Attributes:
        forbidden: What no export may touch: the directory, and the daemon's files elsewhere.

    Raises:
        InUseError: Another daemon has it.
        UnsafePathError: It cannot be made or locked, or others could interfere.
    """

    def __init__(self, path: Path, own_files: Iterable[str] = ()) -> None:
        self.path = path
        self._lock: Lock | None = None
        self._take(LOCK_TRIES)
        self.forbidden = Forbidden(os.path.realpath(path), frozenset({*own_files, os.path.realpath(path / LOCK_NAME)}))

    def ensure(self) -> None:
        """Make and lock it again if it was removed or replaced.

        Raises:
            InUseError: Another daemon has it by now.
            OSError: Its status cannot be read.
            UnsafePathError: It cannot be made or locked, or others could interfere.
        """
        if self._lock:
            if self._lock.is_in_place():
                return
            logger.warning("the directory %s or its lock was removed; it is made and locked anew", self.path)
            self.release()
        self._take(1)  # clients wait: better again soon

    def release(self) -> None:
        """Unlock it."""
        if self._lock:
            self._lock.release()
            self._lock = None

    def _take(self, tries: int) -> None:
        make_private(self.path)
        check_private(self.path)
        self._lock = Lock(self.path / LOCK_NAME, f"the directory {self.path}", tries)
