"""Where an export goes: which file a path means, and whether it may be written."""

import os
import stat
from pathlib import Path

from tracerd.errors import ExportError, UnsafePathError
from tracerd.store.directory import Forbidden

STICKY = stat.S_ISVTX | stat.S_IWOTH
"""The mode of a directory such as /tmp, where all users may put files and remove only their own."""

MAX_LINKS = 40
"""Symbolic links on the way to a file: as many as Linux follows."""


def real_path(path: str, *, is_of_client: bool = False) -> str:
    """Where a path leads, symbolic links followed; what does not exist is taken by its name.

    A link in a directory where all users may put one, such as /tmp, is followed only if it is ours or the directory
    owner's: else another user could have us replace any file of ours. The kernel has this rule (protected_symlinks)
    for opening by such a path, but not for renaming.

    Args:
        path: What is asked for.
        is_of_client: Whether another process asks. `/dev/stdout` leads to /proc, and is another file for each process:
            here it would be the daemon's own log.

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
        if is_of_client and following.startswith("/proc/"):
            raise UnsafePathError("it is a file of the daemon's process; give the path of a file")
        if leads_to.startswith("/"):
            at = "/"
        todo += leads_to.split("/")[::-1]
    return at


def resolve_target(path: str, forbidden: Forbidden | None = None, is_of_client: bool = False) -> str:
    """The file that an export to `path` would replace or make, symbolic links followed.

    Args:
        path: What is asked for.
        forbidden: What must not be written.
        is_of_client: See `real_path`.

    Raises:
        ExportError: It must not be written; the message is the reason.
    """
    if os.path.basename(path) in ("", ".", ".."):
        raise ExportError(f"{path} names a directory; give the path of a file")
    try:
        target = real_path(path, is_of_client=is_of_client)
    except UnsafePathError as error:
        raise ExportError(f"cannot write {path}: {error}") from None
    if forbidden and (target in forbidden.files or Path(target).is_relative_to(forbidden.directory)):
        raise ExportError(f"{path} belongs to tracerd itself; choose a file outside of its directory")
    directory = os.path.dirname(target)
    try:
        if not os.path.isdir(directory):
            raise ExportError(f"there is no directory {directory}; make it first")
        if not stat.S_ISREG(os.stat(target).st_mode):
            raise ExportError(f"{path} is not a regular file")
    except FileNotFoundError:
        pass
    except OSError as error:
        raise ExportError(f"cannot write {path}: {error.strerror}") from None
    except ValueError as error:
        raise ExportError(f"cannot write {path}: {error}") from None
    return target
