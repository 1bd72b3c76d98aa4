"""Which machine an event is from, for those who know the salt only."""

import contextlib
import hashlib
import os
import re
import uuid

SYSTEM_FILES = ("/etc/machine-id", "/var/lib/dbus/machine-id")
_ID = re.compile(r"[0-9a-f]{32}")
_MAX_BYTES = 64


class MachineId:
    """The identity of a machine; the id of the system itself never leaves this class."""

    @staticmethod
    def derive(salt: str, cache: str | None = None) -> str:
        """SHA-256 of the salt and the system's machine id, as 64 hexadecimal digits.

        Another salt gives another id, so events of two tools cannot be joined, and a new salt is a new identity.

        Args:
            salt: The tool's own, such as `mytool.telemetry.v1`.
            cache: A file for a random id, where the system has none; without it each call makes a new one.
        """
        machine = next((found for path in SYSTEM_FILES if (found := read_id(path))), "") or _random(cache)
        return hashlib.sha256(f"{salt}{machine}".encode("utf-8", "surrogatepass")).hexdigest()


def read_id(path: str) -> str:
    """The id in a file; empty if there is none, such as while a system starts for the first time."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        text = os.read(fd, _MAX_BYTES).decode("ascii", "replace").strip()
    except OSError:
        return ""
    finally:
        os.close(fd)
    return text if _ID.fullmatch(text) else ""


def _random(cache: str | None) -> str:
    made = uuid.uuid4().hex
    if cache is None:
        return made
    with contextlib.suppress(OSError):
        os.makedirs(os.path.dirname(cache) or ".", mode=0o700, exist_ok=True)
        fd = os.open(cache, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(fd, "w", encoding="ascii") as file:
            file.write(made)
        return made
    return read_id(cache) or made
