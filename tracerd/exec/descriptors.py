"""Keeps a command's descriptors from the strace that follows it, and gives them back to the command.

strace would hold stdout and all others for as long as any process of the tree lives, and a reader of the command's
output would wait for its end. So the descriptors travel past it, in a message on a socket that the command inherits.
"""

import os
import sys

from tracerd.exec.environment import given
from tracerd.exec.programs import NOT_EXECUTABLE, become, take_signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
else:
    import _socket as socket

MOST = 253
"""So many descriptors fit into a message (SCM_MAX_FD); further ones are left where they are."""

_BYTES = 4

_SPARE = 16
"""So many descriptors strace, Python and we need at once, beside those of the command and their copies."""


def require_room() -> None:
    """Reject a process that may open too few descriptors to carry those of the command past strace.

    Raises:
        OSError: There are too few.
    """
    opened: list[int] = []
    wanted = min(len(_open_fds()), MOST) + _SPARE
    try:
        while len(opened) < wanted:
            opened.append(os.dup(0))
    finally:
        for fd in opened:
            os.close(fd)


def send() -> int:
    """Put away all descriptors that a command would inherit, with /dev/null as the first three; where they wait."""
    fds = [fd for fd in _open_fds() if os.get_inheritable(fd)][:MOST]
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    numbers = b"".join(fd.to_bytes(_BYTES, sys.byteorder) for fd in [len(fds), *fds])
    ours.sendmsg([numbers], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, numbers[_BYTES:])] if fds else [])
    waiting = theirs.detach()
    null = os.open(os.devnull, os.O_RDWR)
    for fd in fds:
        os.dup2(null, fd)
        if fd > 2:
            os.close(fd)
    for fd in range(3):
        os.dup2(null, fd)
    os.set_inheritable(waiting, True)
    return waiting


def _open_fds() -> list[int]:
    found: list[int] = []
    for name in os.listdir("/proc/self/fd"):
        try:
            os.fstat(int(name))
        except OSError:  # that of the listing itself
            continue
        found.append(int(name))
    return found


def restore() -> None:
    """Take the descriptors back from where they wait, and become the command; does not return."""
    take_signals()
    waiting = socket.socket(fileno=int(sys.argv[1]))
    data, messages, _flags, _from = waiting.recvmsg((MOST + 1) * _BYTES, socket.CMSG_SPACE(MOST * _BYTES))
    waiting.close()
    _count, *numbers = _integers(data)
    received = [fd for _level, _type, fds in messages for fd in _integers(fds)]
    for fd in range(3):
        if fd not in received:
            os.close(fd)
    # Out of the way first: a descriptor may have come under another one's number.
    moved = [_moved(fd, numbers) for fd in received]
    for fd, number in zip(moved, numbers, strict=False):
        os.dup2(fd, number)
        os.close(fd)
    command = sys.argv[2:]
    os.write(2, os.fsencode(f"tracerd exec: {command[0]}: {become(command, given())}\n"))
    os._exit(NOT_EXECUTABLE)


def _integers(data: bytes) -> list[int]:
    return [int.from_bytes(data[at : at + _BYTES], sys.byteorder) for at in range(0, len(data), _BYTES)]


def _moved(fd: int, numbers: list[int]) -> int:
    """The same under a number that is none of these, which is not inherited."""
    import fcntl

    moved = fd
    while moved in numbers:
        moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, moved + 1)
    if moved != fd:
        os.close(fd)
    return moved
