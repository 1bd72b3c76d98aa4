"""A file that replaces another when it is whole; what a killed export has left beside it is removed."""

import contextlib
import fcntl
import os
import secrets
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tracerd.errors import NotAFileError
from tracerd.store.files import close, open_existing

PREFIX, SUFFIX = ".tracerd-", ".tmp"

ABANDONED_S = 60.0
"""A temporary file that is not locked, and was not written for so long, is of an export that was killed."""


@contextmanager
def replacing(target: str) -> Generator[int]:
    """A descriptor of a new file, which takes the place of `target` at the end, unless an exception is raised.

    Raises:
        OSError: It cannot be made, or cannot take that place.
    """
    directory = os.path.dirname(target)
    _remove_abandoned(directory)
    temporary = os.path.join(directory, f"{PREFIX}{secrets.token_hex(8)}{SUFFIX}")
    fd = -1
    try:  # from here on: Ctrl-C may come as soon as the file is there
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        with contextlib.suppress(OSError):  # a file system without locks: then its age protects it
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        yield fd
        os.fsync(fd)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    finally:
        if fd >= 0:
            close(fd)


def _remove_abandoned(directory: str) -> None:
    with contextlib.suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.startswith(PREFIX) and entry.name.endswith(SUFFIX):
                with contextlib.suppress(OSError, NotAFileError):
                    _remove_if_abandoned(Path(entry.path))


def _remove_if_abandoned(path: Path) -> None:
    fd = open_existing(path)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        status = os.fstat(fd)
        if status.st_uid == os.geteuid() and time.time() - status.st_mtime > ABANDONED_S:
            path.unlink()
    finally:
        close(fd)
