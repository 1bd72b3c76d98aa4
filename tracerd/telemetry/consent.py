"""What a user has decided, in a file of three lines."""

import contextlib
import errno
import json
import os
import secrets
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from tracerd.telemetry.error import TelemetryError, io_error

VERSION = 1
_MAX_BYTES = 65536


class ConsentState(Enum):
    """A decision, or none."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    UNSET = "unset"


@dataclass(frozen=True, slots=True)
class Consent:
    """A decision and its time.

    Attributes:
        state: What was decided.
        decided_at: When, in RFC 3339; None if that is not known.

    Raises:
        ValueError: That is no time.
    """

    state: ConsentState
    decided_at: str | None = None

    def __post_init__(self) -> None:
        """Refuse what is no time."""
        if self.decided_at is not None:
            datetime.fromisoformat(self.decided_at)

    @staticmethod
    def enabled_now() -> "Consent":
        """Events may be recorded."""
        return Consent(ConsentState.ENABLED, utc_now())

    @staticmethod
    def disabled_now() -> "Consent":
        """Events may not be recorded."""
        return Consent(ConsentState.DISABLED, utc_now())


def utc_now() -> str:
    """The time in RFC 3339, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read(path: str | os.PathLike[str]) -> Consent | None:
    """The decision in a file; None if there is no file.

    Raises:
        TelemetryError: It cannot be read, or it is of a version that is not known.
    """
    try:
        data = _content(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise io_error(f"cannot read {os.fspath(path)}", error) from error
    try:
        return _parsed(data)
    except ValueError as error:
        raise TelemetryError("tracerd.telemetry.format", f"{os.fspath(path)}: {error}; reset or decide anew") from error


def _content(path: str | os.PathLike[str]) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        return os.read(fd, _MAX_BYTES)
    finally:
        os.close(fd)


def _parsed(data: bytes) -> Consent:
    import tomllib

    try:
        table: dict[str, object] = tomllib.loads(data.decode())
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    version = table.get("version")
    if version != VERSION or isinstance(version, bool):
        raise ValueError(f"its version is {version!r}, not {VERSION}")
    decided_at = table.get("decided_at")
    if decided_at is None or isinstance(decided_at, str):
        return Consent(ConsentState(table.get("state")), decided_at)
    raise ValueError("decided_at is not a text")


def write(path: str | os.PathLike[str], consent: Consent) -> None:
    """Replace the file in one step; directories are made, and a symbolic link in its place is replaced itself.

    Raises:
        TelemetryError: It cannot be written; the former file stays.
    """
    text = f'version = {VERSION}\nstate = "{consent.state.value}"\n'
    if consent.decided_at is not None:
        text += f"decided_at = {json.dumps(consent.decided_at)}\n"
    target = os.path.abspath(path)
    temporary = f"{target}.{secrets.token_hex(8)}"
    try:
        os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with open(fd, "w", encoding="ascii") as file:
                file.write(text)
                file.flush()
                os.fsync(fd)
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as error:
        raise io_error(f"cannot write {target}", error) from error


def reset(path: str | os.PathLike[str]) -> None:
    """Remove the file, if there is one.

    Raises:
        TelemetryError: It cannot be removed.
    """
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise io_error(f"cannot remove {os.fspath(path)}", error) from error
