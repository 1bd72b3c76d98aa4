"""What is kept in files of ours: the token, which programs send with each request, and the host name of the pages."""

import contextlib
import os
import re
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

import platformdirs

from tracerd.errors import UnsafePathError, WebError
from tracerd.socket_path import socket_path
from tracerd.store.files import open_for_reading
from tracerd.store.paths import check_private, make_private

NAME: Final = "tracerd-web.token"
HOST_NAME: Final = "web-host"

MIN_CHARACTERS: Final = 16
_MAX_BYTES: Final = 4096

_HOST: Final = re.compile(r"[0-9a-f]{16}\.localhost")


def token_path() -> Path:
    """Where the token is: beside the daemon's socket, in the user's runtime directory."""
    return Path(socket_path()).parent / NAME


def host_path() -> Path:
    """Where the host name of the pages is: in the user's state directory, so that bookmarks last."""
    return Path(platformdirs.user_state_dir("tracerd")) / HOST_NAME


def read_token(path: Path) -> str:
    """The token; made if it is not there.

    Raises:
        UnsafePathError: Others could read or replace it.
        WebError: It cannot be read, or is too short.
    """
    token = _kept(path, "token", lambda: secrets.token_urlsafe(32))
    if len(token) < MIN_CHARACTERS or not token.isprintable() or " " in token:
        raise WebError(
            f"the token in {path} must have {MIN_CHARACTERS} characters or more; remove the file for a new one"
        )
    return token


def read_host(path: Path) -> str:
    """The host name of the pages; made if it is not there.

    Raises:
        UnsafePathError: Others could read or replace it.
        WebError: It cannot be read, or is none.
    """
    host = _kept(path, "host name", lambda: f"{secrets.token_hex(8)}.localhost")
    if not _HOST.fullmatch(host):
        raise WebError(f"{path} holds no host name such as 0123456789abcdef.localhost; remove it for a new one")
    return host


def _kept(path: Path, what: str, make: Callable[[], str]) -> str:
    make_private(path.parent)
    check_private(path.parent, sticky_allowed=True)
    try:
        with contextlib.suppress(FileExistsError):
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with open(fd, "w") as file:
                file.write(f"{make()}\n")
        with open(open_for_reading(path), "rb") as read:
            status = os.fstat(read.fileno())
            if status.st_uid not in (os.geteuid(), 0) or stat.S_IMODE(status.st_mode) & 0o077:
                raise UnsafePathError(f"the {what} file {path} may be read by others: run chmod 600 on it")
            return read.read(_MAX_BYTES).decode("ascii").strip()
    except OSError as error:
        raise WebError(f"cannot read the {what} file {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise WebError(f"the {what} file {path} holds something else than a {what}") from None
