"""Lines that wait, and the connection that takes them. A thread that adds one never waits for the daemon.

Strategy: threads append to a list without a lock: under the interpreter's lock an append, a slice and the removal of
that slice are each one step. A thread that finds 64 KiB writes them. A thread of our own writes what is there each
half second, and ends when there is nothing. Each send(2) is of whole lines, and small enough to be taken whole or not
at all. A process of `multiprocessing` is often killed when its work is done, as `Pool.__exit__` does it: so there the
threads themselves write, some hundred times a second at most.
"""

from __future__ import annotations

import time

from tracerd.client.border import keep
from tracerd.client.connection import RETRY_S, TIMEOUT_S, Connection
from tracerd.client.encode import MAX_LINE_BYTES
from tracerd.client.ticker import PERIOD_S, WORKER_PERIOD_S, Ticker

TYPE_CHECKING = False  # typing is slow to import
if TYPE_CHECKING:
    from tracerd.client.owner import Owner

BUFFER_SIZE = 64 * 1024
MAX_WAITING = 4 * 1024 * 1024
"""Characters that are kept for a daemon that is absent or hangs; what comes then is dropped and counted."""

WORKER_S, BURST = 0.005, 20
"""How often a process of `multiprocessing` writes at most, and how many times at once after a pause."""

_BLOCK = MAX_LINE_BYTES + 1


class Outbox:
    """The lines of one process for one trace.

    Args:
        path: The socket; by default where every client looks for it.
        owner: The client.
    """

    def __init__(self, path: str | None, owner: Owner) -> None:
        self._path = path
        self._owner = owner
        self._reset()

    def _reset(self) -> None:
        self.connection = Connection(self._path, self._owner.greeting)
        self.dropped = 0
        self._ended = False
        self._lines: list[str] = []
        self._size: int = 0
        self.full = False  # then call `drops` before a line is made that would be dropped
        self._room = BUFFER_SIZE  # what is written only by the ticker
        self._limit = 0  # of `_size`; 0 while there is no ticker, and in a process of multiprocessing
        self._is_worker = False
        self._write_at_s = 0.0  # in such a process: not before, by time.monotonic
        self._data = b""  # lines on their way, up to `_at` sent
        self._at: int = 0
        # The thread that takes the token writes. Not a lock: a signal handler that raises may run after a call, so
        # between a lock's acquire and the `try` that would release it; `del` is no call.
        self._token: list[None] = [None]
        self._ticker: Ticker | None = None
        self._owner.is_idle = True
        self._reported = 0  # of `dropped`
        self._drop_until_s = 0.0  # when nothing more is kept, by time.monotonic

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
        """Whether the next event is dropped, and counted so: until there is room, or it is time to check again."""
        self.full = self.full and time.monotonic() < self._drop_until_s
        self.dropped += self.full
        return self.full

    def _put_slowly(self, line: str) -> None:
        if self._size + len(line) > MAX_WAITING:
            if time.monotonic() >= self._drop_until_s:
                self._write(may_wait=True)
            if self._size + len(line) > MAX_WAITING:
                self.dropped += 1
                self.full = True
                return
        self._lines.append(line)
        self._size += len(line)
        if self._ended or (self._ticker is None and not self._start_ticker()):
            self._write(may_wait=True)
        elif self._size > self._room or (self._is_worker and time.monotonic() >= self._write_at_s):
            self._write(may_wait=False)
        elif not self._is_worker:
            self._limit = self._room

    # -------------------------------------------------------------- the thread

    def _start_ticker(self) -> bool:
        try:
            if self._owner.begin():
                self._room, self._is_worker = BUFFER_SIZE, True
            self._ticker = Ticker(self._tick, WORKER_PERIOD_S if self._is_worker else PERIOD_S)
            self._owner.is_idle = self._is_worker  # then `wake` is called for each span
        except BaseException as error:  # RuntimeError: the interpreter ends, or there can be no more threads
            keep(error)
            return False
        return True

    def _tick(self, ticker: Ticker) -> bool:
        """Write; whether this thread is still needed."""
        try:
            self._write(may_wait=False)
            if self._has_work():
                return True
            # In this order: a thread that adds a line, or begins a span, after the first step starts another ticker.
            self._forget_ticker()
            if not self._has_work() or self._ticker is not None:
                return False
            self._ticker, self._owner.is_idle = ticker, self._is_worker
            self._limit = 0 if self._is_worker else self._room
        except BaseException as error:
            self._forget_ticker()
            keep(error)
            return False
        return True

    def _has_work(self) -> bool:
        return bool(self._lines) or self._at < len(self._data) or self._owner.has_unmarked

    def _forget_ticker(self) -> None:
        self._ticker, self._limit, self._owner.is_idle = None, 0, True

    def wake(self) -> None:
        """Start the thread, if there is none, as for a line; in a process of `multiprocessing` write, if it is time."""
        if self._ticker is None and not self._ended and self._start_ticker() and not self._is_worker:
            self._limit = self._room
        if self._is_worker and time.monotonic() >= self._write_at_s:
            self._write(may_wait=False)

    def stop_ticker(self) -> None:
        """Write, and end the thread: Python 3.12 warns of a fork in a process that has several."""
        self._write(may_wait=False)
        ticker = self._ticker
        if ticker is not None:
            self._forget_ticker()
            ticker.stop(TIMEOUT_S)

    def forget(self) -> None:
        """In the child of a fork: what waits is the parent's, and so is the connection.

        Such a child often ends with `os._exit`, of which Python informs no library, so nothing waits in it.
        """
        self.connection.close()
        self._reset()
        self._room = 0

    # -------------------------------------------------------------- flush and end

    def flush(self, timeout_s: float | None) -> bool:
        """Write everything, and wait until the daemon acknowledges that it is in the log."""
        connection = self.connection
        self._wait_for_token(TIMEOUT_S if timeout_s is None else timeout_s)
        try:
            del self._token[0]
        except IndexError:
            return False
        try:
            connection.retry_at_once()
            if timeout_s is not None:
                connection.left_s = timeout_s
            is_in_log = self._write_all(may_wait=True) and connection.is_acknowledged()
            self._leave_if_ended()
            return is_in_log
        except OSError:
            return False
        finally:
            self._token.append(None)
            connection.left_s = min(connection.left_s, TIMEOUT_S)

    def command(self, line: bytes, timeout_s: float) -> bool:
        """Write everything, then send the daemon a command; whether it acknowledges that.

        On a connection of its own, for the daemon reports only a few errors on each.
        """
        until_s = time.monotonic() + timeout_s
        self.flush(timeout_s)
        if self._lines or self._at < len(self._data):
            return False
        connection = Connection(self._path, self._owner.opening)
        connection.left_s = max(until_s - time.monotonic(), TIMEOUT_S)
        try:
            return connection.is_there() and connection.is_acknowledged(line) and not connection.errors
        except OSError:
            return False
        finally:
            self.connection.errors += connection.errors
            connection.close()

    def push(self) -> None:
        """Write what can be written without waiting."""
        self._write(may_wait=False)

    def end(self) -> None:
        """Write everything and leave the daemon; what still comes is written at once, on a connection of its own."""
        self._ended = True
        self._limit = 0
        self._write(may_wait=True)

    # -------------------------------------------------------------- writing, by the thread that has the token

    def _wait_for_token(self, timeout_s: float) -> None:
        until = time.monotonic() + timeout_s
        while not self._token and time.monotonic() < until:
            time.sleep(0.001)

    def _write(self, may_wait: bool) -> None:
        if may_wait:
            self._wait_for_token(TIMEOUT_S)
        try:
            del self._token[0]
        except IndexError:
            return  # another thread writes
        try:
            self._write_all(may_wait)
            self._leave_if_ended()
        finally:
            self._token.append(None)

    def _leave_if_ended(self) -> None:
        if self._ended:
            self.connection.close()
            self.connection.retry_at_once()

    def _write_all(self, may_wait: bool) -> bool:
        """Whether nothing is left."""
        if not self.full and (marks := self._owner.marks()):
            # Before the lines that end these spans; those on their way are older.
            self._lines.insert(0, marks)
            self._size += len(marks)
        written = self._write_blocks(may_wait)
        if written:
            self._size = 0
            self.full = False
        if self._is_worker:
            self._write_at_s = max(self._write_at_s, time.monotonic() - BURST * WORKER_S) + WORKER_S
        elif self._ticker is not None and not self._ended:
            self._limit = min(self._size + self._room, MAX_WAITING)
        return written

    def _write_blocks(self, may_wait: bool) -> bool:
        connection = self.connection
        while self._at < len(self._data) or self._lines or self.dropped > self._reported:
            if not connection.is_there():
                self._drop_until_s = time.monotonic() + RETRY_S
                return False
            self._take_lines()
            start = self._at
            block = self._data[start : start + _BLOCK]
            if len(block) == _BLOCK:
                block = block[: block.rfind(b"\n") + 1 or _BLOCK]
            # Before the call: it may end in a signal handler that raises, and nothing is to be sent twice.
            self._at = start + len(block)
            try:
                sent = connection.send(block, block.count(b"\n"))
            except BlockingIOError:
                self._at = start
                if not (may_wait and connection.wait_for_room()):
                    self._drop_until_s = time.monotonic() + TIMEOUT_S
                    return False
                continue
            if sent:
                self._size = max(self._size - len(block), 0)
            else:
                self._at = start
        return True

    def _take_lines(self) -> None:
        if self._at < len(self._data):
            return
        dropped, lost = self.dropped, self.connection.lost
        lines = self._lines[:]
        count = len(lines)
        text = "".join(lines)
        if dropped > self._reported or lost:
            text = self._owner.notice(dropped - self._reported, lost) + text
        data = text.encode(errors="replace")
        # No call from here on, so no signal handler either: lines are in one place or the other.
        self._data = data
        self._at = 0
        self._reported = dropped
        self.connection.lost = False
        del self._lines[:count]
