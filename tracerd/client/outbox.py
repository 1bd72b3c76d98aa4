"""Lines that wait, and the connection that takes them. Whoever adds one never waits for the daemon.

Threads append to a list without a lock: under the interpreter's lock an append, a slice and the removal of that slice
are each one step. Whoever finds 64 KiB writes them; a thread of our own writes what is there each half second, and
ends when nothing is. Each send(2) is of whole lines, and small enough to be taken whole or not at all.
"""

from __future__ import annotations

import _thread
import os
import select
import socket
import stat
import time

from tracerd.client.encode import MAX_LINE_BYTES
from tracerd.where import socket_path

TYPE_CHECKING = False  # typing is slow to import
if TYPE_CHECKING:
    from typing import Protocol

    class Owner(Protocol):
        """What an outbox asks of the client that it belongs to."""

        def begin(self) -> None:
            """Called before the first line of a process, and again after pauses."""

        def greeting(self) -> str:
            """The lines that a connection begins with, after OPEN."""
            ...

        def notice(self, dropped: int, lost: bool) -> str:
            """The line that tells how many events were dropped, and whether a connection was lost."""
            ...


BUFFER_SIZE = 64 * 1024
PERIOD_S = 0.5
MAX_WAITING = 4 * 1024 * 1024
"""Characters that are kept for a daemon that is absent or hangs; what comes then is dropped and counted."""

PATIENCE_S = 0.05
"""How long a process waits, in total, for a daemon that does nothing; anew when it does something."""

RETRY_S = 0.5
_BLOCK = MAX_LINE_BYTES + 1
_FLAGS: int = getattr(socket, "MSG_NOSIGNAL", 0)  # programs may have set SIGPIPE to end them


class _Ticker:
    """The thread that writes each half second. Not of `threading`: programs count those."""

    __slots__ = ("ended", "stop")

    def __init__(self) -> None:
        self.stop = _thread.allocate_lock()
        self.ended = _thread.allocate_lock()
        self.stop.acquire()
        self.ended.acquire()


class Outbox:
    """What one process says about one trace.

    Args:
        trace_id: The trace, of valid form.
        path: The socket; by default where every client looks for it.
        owner: The client.
    """

    def __init__(self, trace_id: str, path: str | None, owner: Owner) -> None:
        self._open_line = f"OPEN {trace_id}\n"
        self._path = path
        self._owner = owner
        self._reset()

    def _reset(self) -> None:
        self.dropped = 0
        self._ended = False
        self._lines: list[str] = []
        self._size: int = 0
        self.full = False  # then ask `drops` before anything is made that would be dropped
        self._limit = 0  # of `_size`; 0 as long as nobody ticks
        self._data = b""  # lines on their way, up to `_at` sent
        self._at: int = 0
        # Who takes the token writes. Not a lock: a signal handler that raises may run after a call, so between a
        # lock's acquire and the `try` that would release it; `del` is no call.
        self._token: list[None] = [None]
        self._ticker: _Ticker | None = None
        self._socket: socket.socket | None = None
        self._inode = 0
        self._lost = False
        self._told = 0  # of `dropped`
        self._patience_s = PATIENCE_S
        self._was_full = False
        self._connect_at = 0.0  # not before, by time.monotonic
        self._drop_until = 0.0  # when nothing more is kept, by time.monotonic
        self._asked = 0  # FLUSH of this connection, and their answers
        self._answers: list[list[bytes]] = []
        self._received = b""

    # -------------------------------------------------------------- for every event

    def put(self, line: str) -> None:
        """Take a line, ended by a newline; it is written within half a second."""
        size = self._size + len(line)
        if size > self._limit:
            self._put_slowly(line)
            return
        self._size = size
        self._lines.append(line)

    def drops(self) -> bool:
        """Whether the next event is dropped, and counted so: until there is room, or it is time to look again."""
        self.full = self.full and time.monotonic() < self._drop_until
        self.dropped += self.full
        return self.full

    def _put_slowly(self, line: str) -> None:
        if self._size + len(line) > MAX_WAITING:
            if time.monotonic() >= self._drop_until:
                self._write(may_wait=True)
            if self._size + len(line) > MAX_WAITING:
                self.dropped += 1
                self.full = True
                return
        self._lines.append(line)
        self._size += len(line)
        if self._ended or (self._ticker is None and not self._start_ticker()):
            self._write(may_wait=True)
        elif self._size > BUFFER_SIZE:
            self._write(may_wait=False)
        else:
            self._limit = BUFFER_SIZE

    # -------------------------------------------------------------- the thread

    def _start_ticker(self) -> bool:
        self._owner.begin()
        ticker = _Ticker()
        try:
            _thread.start_new_thread(self._tick, (ticker,))
        except RuntimeError:  # the interpreter ends, or there can be no more threads
            return False
        self._ticker = ticker
        return True

    def _tick(self, ticker: _Ticker) -> None:
        try:
            while not ticker.stop.acquire(timeout=PERIOD_S):
                self._write(may_wait=False)
                if not self._lines and self._at == len(self._data):
                    # First nobody ticks, then we look again: who adds a line from here on starts another thread.
                    self._ticker, self._limit = None, 0
                    if not self._lines or self._ticker is not None:
                        return
                    self._ticker, self._limit = ticker, BUFFER_SIZE
        except Exception:
            self._ticker, self._limit = None, 0
        finally:
            ticker.ended.release()

    def stop_ticker(self) -> None:
        """Write, and end the thread: Python 3.12 warns of a fork in a process that has several."""
        self._write(may_wait=False)
        ticker = self._ticker
        if ticker is not None:
            self._ticker, self._limit = None, 0
            ticker.stop.release()
            ticker.ended.acquire(timeout=PATIENCE_S)

    def forget(self) -> None:
        """In the child of a fork: what waits is the parent's, and so is the connection."""
        self._close()
        self._reset()

    # -------------------------------------------------------------- flush and end

    def flush(self, timeout_s: float | None) -> bool:
        """Write everything and wait for the daemon's word that it is in the log."""
        until = time.monotonic() + (PATIENCE_S if timeout_s is None else timeout_s)
        self._connect_at = 0.0
        while not self._token and time.monotonic() < until:
            time.sleep(0.001)
        try:
            del self._token[0]
        except IndexError:
            return False
        try:
            if timeout_s is not None:
                self._patience_s = timeout_s
            return self._write_all(may_wait=True) and (self._socket is None or self._acknowledged(self._socket))
        except OSError:
            return False
        finally:
            self._patience_s = min(self._patience_s, PATIENCE_S)
            self._token.append(None)

    def end(self) -> None:
        """Write everything and leave the daemon; what still comes is written at once, on a connection of its own."""
        self._ended = True
        self._limit = 0
        self._write(may_wait=True)

    def _acknowledged(self, connection: socket.socket) -> bool:
        if connection.send(b"FLUSH\n", _FLAGS) != len(b"FLUSH\n"):
            return False
        self._asked += 1
        while len(self._answers) < self._asked:
            if not self._wait(connection, select.POLLIN):
                return False
            data = connection.recv(65536)
            if not data:
                self._lose()
                return False
            *lines, self._received = (self._received + data).split(b"\n")
            self._answers += [line.split() for line in lines if line.startswith(b"OK ")]
        return self._answers[-1][2:] == [b"0", b"0"]

    # -------------------------------------------------------------- writing, by whoever has the token

    def _write(self, may_wait: bool) -> None:
        until = time.monotonic() + PATIENCE_S
        while may_wait and not self._token and time.monotonic() < until:
            time.sleep(0.001)  # somebody else is at it
        try:
            del self._token[0]
        except IndexError:
            return
        try:
            self._write_all(may_wait)
        finally:
            self._token.append(None)

    def _write_all(self, may_wait: bool) -> bool:
        """Whether nothing is left."""
        written = self._write_blocks(may_wait)
        if written:
            self._size = 0
            self.full = False
        if self._ended:
            self._close()
            self._connect_at = 0.0
        elif self._ticker is not None:
            self._limit = min(self._size + BUFFER_SIZE, MAX_WAITING)
        return written

    def _write_blocks(self, may_wait: bool) -> bool:
        while self._at < len(self._data) or self._lines or self.dropped > self._told:
            connection = self._connection()
            if connection is None:
                return False
            self._take_lines()
            start = self._at
            block = self._data[start : start + _BLOCK]
            if len(block) == _BLOCK:
                block = block[: block.rfind(b"\n") + 1 or _BLOCK]
            # Before the call: it may end in a signal handler that raises, and nothing is to be sent twice.
            self._at = start + len(block)
            try:
                whole = connection.send(block, _FLAGS) == len(block)
            except BlockingIOError:
                self._at = start
                self._was_full = True
                if not (may_wait and self._wait(connection, select.POLLOUT)):
                    self._drop_until = time.monotonic() + PATIENCE_S
                    return False
            except OSError:
                self._at = start
                self._lose()
            else:
                self._size = max(self._size - len(block), 0)
                if self._was_full:  # and has taken something since
                    self._was_full = False
                    self._patience_s = max(self._patience_s, PATIENCE_S)
                if not whole:
                    self._lose()
        return True

    def _take_lines(self) -> None:
        if self._at < len(self._data):
            return
        dropped, lost = self.dropped, self._lost
        lines = self._lines[:]
        count = len(lines)
        text = "".join(lines)
        if dropped > self._told or lost:
            text = self._owner.notice(dropped - self._told, lost) + text
        data = text.encode(errors="replace")
        # No call from here on, so no signal handler either: lines are in one place or the other.
        self._data = data
        self._at = 0
        self._told = dropped
        self._lost = False
        del self._lines[:count]

    def _wait(self, connection: socket.socket, what: int) -> bool:
        """Whether the socket is ready; waiting in vain uses up our patience."""
        start = time.monotonic()
        poll = select.poll()
        poll.register(connection, what)
        if poll.poll(max(self._patience_s, 0) * 1000):
            self._patience_s = max(self._patience_s - (time.monotonic() - start), PATIENCE_S)
            return True
        self._patience_s = 0.0
        return False

    # -------------------------------------------------------------- the connection

    def _connection(self) -> socket.socket | None:
        if self._socket is not None:
            if self._is_ours(self._socket):
                return self._socket
            self._lose()
        now = time.monotonic()
        if now >= self._connect_at:
            self._connect_at = self._drop_until = now + RETRY_S
            self._socket = self._connect()
        return self._socket

    def _connect(self) -> socket.socket | None:
        connection = None
        try:
            path = self._path or socket_path()
            if not _is_safe(path):
                return None
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.setblocking(False)
            connection.connect(os.fsencode(path))  # a full backlog is EAGAIN
            connection.send((self._open_line + self._owner.greeting()).encode(errors="replace"), _FLAGS)
            self._inode = os.fstat(connection.fileno()).st_ino
            return connection
        except (OSError, AttributeError, ValueError):  # AttributeError: a system without Unix sockets
            if connection is not None:
                connection.close()
            return None

    def _is_ours(self, connection: socket.socket) -> bool:
        """Whether the descriptor is still our socket: programs that become daemons close what they do not know."""
        try:
            return os.fstat(connection.fileno()).st_ino == self._inode
        except OSError:
            return False

    def _lose(self) -> None:
        self._close()
        self._lost = True
        self._asked = 0
        self._answers.clear()
        self._received = b""

    def _close(self) -> None:
        connection, self._socket = self._socket, None
        if connection is not None:
            if self._is_ours(connection):
                connection.close()
            else:
                connection.detach()  # the number is somebody else's by now


def _is_safe(path: str) -> bool:
    """Whether nobody else can have put the socket there: anybody can make directories in /tmp."""
    directory = os.path.dirname(path)
    if directory != f"/tmp/tracerd-{os.geteuid()}":  # noqa: S108 (this is the check)
        return True
    status = os.lstat(directory)
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022
