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


STICKY = stat.S_ISVTX | stat.S_IWOTH
"""The mode of a directory such as /tmp, where all users may put files and remove only their own."""

MAX_LINKS = 40
"""Symbolic links on the way to a file: as many as Linux follows."""


def real_path(path: str) -> str:
    """Where a path leads, symbolic links followed; what does not exist is taken by its name.

    A link in a directory where all users may put one, such as /tmp, is followed only if it is ours or the directory
    owner's: else another user could have us replace any file of ours. The kernel has this rule (protected_symlinks)
    for opening by such a path, but not for renaming.

    Raises:
        UnsafePathError: There is such a link, or there are too many.
    """
    absolute = path if path.startswith("/") else os.path.join(os.getcwd(), path)
    todo = absolute.split("/")[::-1]
    at = "/"
    links = 0
    while todo:
        name = todo.pop()
        if name == "..":
            at = os.path.dirname(at)
        if name in ("", ".", ".."):
            continue
        following = os.path.join(at, name)
        try:
            status = os.lstat(following)
            if not stat.S_ISLNK(status.st_mode):
                at = following
                continue
            directory = os.stat(at)
            leads_to = os.readlink(following)
        except OSError:  # missing, or not permitted: the write that follows fails with the reason
            at = following
            continue
        links += 1
        if links > MAX_LINKS:
            raise UnsafePathError(f"there are too many symbolic links on the way to {path}")
        if directory.st_mode & STICKY == STICKY and status.st_uid not in (os.geteuid(), directory.st_uid):
            raise UnsafePathError(
                f"{following} is a symbolic link that another user has put there (uid {status.st_uid})"
            )
        if leads_to.startswith("/"):
            at = "/"
        todo += leads_to.split("/")[::-1]
    return at
