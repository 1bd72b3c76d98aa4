"""Writing events to their logs, and what happens while a log cannot be written.

The first write that fails begins an outage of its trace: this run and the next ones wait in memory, in order. Four
times a second, before an export and at the stop they are tried again. What is lost has its mark in the log.
"""

import logging
from collections.abc import Callable, Iterable

import trio

from tracerd.core.state import Action, Append, DaemonState
from tracerd.daemon.stderr_log import LogThrottle
from tracerd.daemon.trace_files import TraceFiles
from tracerd.errors import LogFullError, TracerdError, UnsafePathError
from tracerd.text import printable
from tracerd.trace_id import TraceId

logger = logging.getLogger(__name__)

RETRY_S = 0.25
"""How often what waits is tried again: a failed try costs a system call or two."""


class Appender:
    """Writes events, now or later.

    Args:
        state: Which traces wait, and what counts as stored.
        trace_files: Writes the logs.
        perform: Performs what the state decides.
        on_pending_done: Told when nothing of a trace waits any more: it may have ended meanwhile.
    """

    def __init__(
        self,
        state: DaemonState,
        trace_files: TraceFiles,
        perform: Callable[[Iterable[Action]], None],
        on_pending_done: Callable[[], None],
    ) -> None:
        self._state = state
        self._trace_files = trace_files
        self._perform = perform
        self._on_pending_done = on_pending_done
        self._waiting = state.backlog.traces
        self._begun = trio.Event()
        self._say_now = LogThrottle()
        self._given_up: dict[TraceId, str] = {}

    def append(self, append: Append) -> None:
        """Write these events now, or let them wait behind those that do."""
        trace_id = append.trace_id
        waiting = self._waiting.get(trace_id)
        reason = waiting.reason if waiting else self._write(append)
        if reason:
            self._perform(self._state.wait(append, reason))
            self._say(trace_id)
            self._begun.set()

    def _write(self, append: Append) -> str:
        """Write these events; why they cannot be written now, or an empty string if they are settled."""
        try:
            self._trace_files.append(append.trace_id, append.events.block)
        except LogFullError as error:
            self._perform(self._state.full(append, str(error)))
        except UnsafePathError as error:  # time will not heal it
            if self._say_now(append.trace_id):
                logger.warning("trace %s: events are lost: %s", append.trace_id, printable(str(error)))
            self._perform(self._state.lost(append, str(error)))
        except (OSError, TracerdError) as error:
            return _reason(error)
        else:
            self._state.stored(append)
        return ""

    def write_waiting(self, trace_id: TraceId) -> str:
        """Write what waits of a trace; why some of it still waits or is lost, or an empty string."""
        waiting = self._waiting.get(trace_id)
        if not waiting:
            return self._given_up.get(trace_id, "")
        for append in self._state.waiting(trace_id):
            if reason := self._write(append):
                waiting.reason = reason
                self._say(trace_id)
                return reason
        if waiting.lost:
            try:
                self._trace_files.mark_lost(trace_id, waiting.lost, waiting.lost_line)
            except (OSError, TracerdError) as error:
                return _reason(error)
        self._state.pending_done(trace_id, trio.current_time())
        self._on_pending_done()
        if waiting.said or waiting.lost:  # a disk that is full for an instant, again and again, is said once a minute
            logger.warning("trace %s: the log is written again; %d events lost meanwhile", trace_id, waiting.lost)
        return ""

    async def retry_loop(self) -> None:
        """Try again as long as anything waits."""
        while True:
            await self._begun.wait()
            self._begun = trio.Event()
            while self._waiting:
                await trio.sleep(RETRY_S)
                for trace_id in list(self._waiting):
                    self.write_waiting(trace_id)
                    await trio.lowlevel.checkpoint()

    def give_up(self) -> None:
        """The end: a last try, and what cannot be written is lost."""
        for trace_id in list(self._waiting):
            if reason := self.write_waiting(trace_id):
                waiting = self._waiting[trace_id]
                logger.error("data lost: trace %s: %d events that waited: %s", trace_id, waiting.events, reason)
                for append in self._state.waiting(trace_id):
                    self._perform(self._state.lost(append, reason))
                self._given_up[trace_id] = reason
                self._state.pending_done(trace_id, trio.current_time())

    def _say(self, trace_id: TraceId) -> None:
        if self._say_now(trace_id):
            waiting = self._waiting[trace_id]
            waiting.said = True
            logger.warning(
                "trace %s: the log cannot be written: %s; %d events wait in memory, %d are lost",
                trace_id,
                waiting.reason,
                waiting.events,
                waiting.lost,
            )


def _reason(error: Exception) -> str:
    return printable(str(error.strerror or error) if isinstance(error, OSError) else str(error))
