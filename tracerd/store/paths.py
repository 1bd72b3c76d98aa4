"""Where things live on this machine, where paths lead, and whether others could interfere there."""

import os
import stat
from pathlib import Path

import platformdirs

from tracerd.errors import UnsafePathError


def log_dir() -> Path:
    """The directory of logs: `$TRACERD_DIR`, else the user's data directory for tracerd."""
    return Path(os.environ.get("TRACERD_DIR") or platformdirs.user_data_dir("tracerd"))


def daemon_log() -> Path:
    """The log of a daemon in the background, in the user's state directory for tracerd."""
    return Path(platformdirs.user_state_dir("tracerd")) / "tracerd.log"


def make_private(directory: Path) -> None:
    """Make a directory that only its owner enters, if it is not there yet.

    Raises:
        UnsafePathError: It cannot be made.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UnsafePathError(f"cannot make the directory {directory}: {error.strerror}") from None


def check_private(directory: Path, *, sticky_allowed: bool = False) -> None:
    """Make sure that no other user can put or remove files in this directory.

    Args:
        directory: Its path; symbolic links are followed.
        sticky_allowed: Take a sticky directory of root's, such as /tmp, where others cannot remove our files.

    Raises:
        UnsafePathError: Others could interfere, or it is no directory.
    """
    try:
        status = directory.stat()
    except OSError as error:
        raise UnsafePathError(f"cannot use the directory {directory}: {error.strerror}") from None
    if not stat.S_ISDIR(status.st_mode):
        raise UnsafePathError(f"{directory} is not a directory")
    if status.st_uid not in (os.geteuid(), 0):
        raise UnsafePathError(f"the directory {directory} belongs to another user (uid {status.st_uid})")
    if status.st_mode & 0o022 == 0:
        return
    if not (sticky_allowed and status.st_uid == 0 and status.st_mode & stat.S_ISVTX):
        raise UnsafePathError(
            f"the directory {directory} may be written by others (mode {status.st_mode & 0o7777:04o}): "
            "run chmod go-w on it, or choose another"
        )
