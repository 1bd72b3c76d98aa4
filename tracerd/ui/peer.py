"""Who is at the other end of a TCP connection on this machine, as the kernel lists it in /proc/net/tcp."""

import contextlib
import os
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LISTEN = "0A"

Address = tuple[str, int]
"""An address, of IPv4 or IPv6, and a port."""


@dataclass(frozen=True, slots=True)
class _Row:
    local: str
    remote: str
    state: str
    uid: int
    inode: int


def owner(client: Address, server: Address) -> int | None:
    """The user id of the process that made this connection; None if the kernel does not list it."""
    ends = _hex(client), _hex(server)
    return next((row.uid for row in _rows() if (row.local, row.remote) == ends), None)


def listening_uid(address: Address) -> int | None:
    """The user id of the process that listens at an address; None if none does, at just this one."""
    local = _hex(address)
    return next((row.uid for row in _rows() if (row.local, row.state) == (local, LISTEN)), None)


def listener(port: int) -> str | None:
    """The process that listens on a port of this machine, for people; None if that cannot be seen."""
    inodes = {row.inode for row in _rows() if row.state == LISTEN and row.local.endswith(f":{port:04X}")}
    names = {f"socket:[{inode}]" for inode in inodes}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended, or belongs to another user
            if any(os.readlink(fd) in names for fd in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text().strip()}, process {process.name}"
    return None


def _rows() -> Iterator[_Row]:
    for name in ("tcp", "tcp6"):  # a socket of IPv6 may be connected to an address of IPv4
        with contextlib.suppress(OSError):
            for line in Path("/proc/net", name).read_text().splitlines()[1:]:
                _, local, remote, state, _, _, _, uid, _, inode, *_ = line.split()
                yield _Row(_unmapped(local), _unmapped(remote), state, int(uid), int(inode))


def _hex(address: Address) -> str:
    host, port = address
    packed = socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    words = (int.from_bytes(packed[at : at + 4], sys.byteorder) for at in range(0, len(packed), 4))
    return f"{''.join(f'{word:08X}' for word in words)}:{port:04X}"


_MAPPED = "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in (b"\0\0\0\0", b"\0\0\0\0", b"\0\0\xff\xff"))


def _unmapped(address: str) -> str:
    return address.removeprefix(_MAPPED)
