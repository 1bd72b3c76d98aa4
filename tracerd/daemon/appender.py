"""Writing events to their logs, and those again that wait because a log could not be written.

The first write that fails begins an outage of its trace: from then on its events wait in memory, in order. They are
tried again four times a second, before an export and at the stop. A gap in the log gets a line that marks it.
"""

import logging
from collections.abc import Iterable

import trio

from tracerd.core.actions import Action, Full, Lost, Outcome, Stored, Waits
from tracerd.core.state import DaemonState
from tracerd.daemon.log_throttle import LogThrottle
from tracerd.daemon.trace_files import TraceFiles
from tracerd.errors import LogFullError, NotAFileError, TracerdError, reason_of
from tracerd.text import plural, printable
from tracerd.trace_id import TraceId

logger = logging.getLogger(__name__)

RETRY_S = 0.25
"""How often what waits is tried again: a failed try costs a system call or two."""


class Appender:
    """Writes events, now or later.

    Args:
        state: Decides what waits, and what counts as stored.
        trace_files: Writes the logs.
    """

    def __init__(self, state: DaemonState, trace_files: TraceFiles) -> None:
        self._state = state
        self._trace_files = trace_files
        self._begun = trio.Event()
        self._warn_now = LogThrottle()
        self._warned: set[TraceId] = set()
        self._missing: dict[TraceId, str] = {}

    def append(self, trace_id: TraceId, block: bytes) -> Outcome:
        """Write this run of events now; all of them or none."""
        try:
            self._trace_files.append(trace_id, block)
        except LogFullError as error:
            return Full(str(error))
        except NotAFileError as error:  # time will not heal it
            if self._warn_now(trace_id):
                logger.warning(
                    "trace %s: events are lost: %s", trace_id, printable(str(error)), extra={"trace": trace_id}
                )
            return Lost(str(error))
        except (OSError, TracerdError) as error:
            return Waits(_reason(error))
        return Stored()

    # ------------------------------------------------------------------ what waits

    def begin_retries(self, trace_id: TraceId) -> None:
        """Events of this trace wait: warn, and let `wait_retry` return soon."""
        self._warn(trace_id)
        self._begun.set()

    async def wait_retry(self) -> Iterable[TraceId]:
        """Wait until it is time to try again; the traces of which events wait."""
        if not self._state.pending.traces:
            self._begun = trio.Event()
            await self._begun.wait()
        await trio.sleep(RETRY_S)
        return list(self._state.pending.traces)

    def missing(self, trace_id: TraceId) -> str:
        """Why the last `retry` did not write all events of this trace; empty if it did."""
        return self._missing.get(trace_id, "")

    def retry(self, trace_id: TraceId) -> list[Action]:
        """Write what waits of a trace, as far as that is possible now; what must happen because of it."""
        waiting = self._state.pending.traces.get(trace_id)
        if not waiting:
            return []
        actions: list[Action] = []
        while append := self._state.pending.first(trace_id):
            outcome = self.append(trace_id, append.events.block)
            actions += self._state.appended(append, outcome)
            if isinstance(outcome, Waits):
                self._missing[trace_id] = outcome.reason
                self._warn(trace_id)
                return actions
        if waiting.lost:
            try:
                self._trace_files.mark_lost(trace_id, waiting.lost, waiting.lost_event)
            except (OSError, TracerdError) as error:
                self._missing[trace_id] = _reason(error)
                return actions
        self._missing.pop(trace_id, None)
        self._state.pending_done(trace_id, trio.current_time())
        # A disk that is full for an instant, again and again, is reported once a minute.
        if trace_id in self._warned or waiting.lost:
            message = "trace %s: the log is written again; %s lost meanwhile"
            logger.warning(message, trace_id, plural(waiting.lost, "event"), extra={"trace": trace_id})
        self._warned.discard(trace_id)
        return actions

    def give_up(self) -> list[Action]:
        """The end: a last try, and what cannot be written is lost; what must happen because of it."""
        actions: list[Action] = []
        for trace_id, waiting in list(self._state.pending.traces.items()):
            actions += self.retry(trace_id)
            reason = self.missing(trace_id)
            if not reason:
                continue
            message = "data lost: trace %s: %d events that waited: %s"
            logger.error(message, trace_id, waiting.events, reason, extra={"trace": trace_id})
            while append := self._state.pending.first(trace_id):
                actions += self._state.appended(append, Lost(reason))
            self._state.pending_done(trace_id, trio.current_time())
        return actions

    def _warn(self, trace_id: TraceId) -> None:
        if self._warn_now(trace_id):
            self._warned.add(trace_id)
            waiting = self._state.pending.traces[trace_id]
            values = trace_id, waiting.reason, waiting.events, waiting.lost
            message = "trace %s: the log cannot be written: %s; %d events wait in memory, %d are lost"
            logger.warning(message, *values, extra={"trace": trace_id})


def _reason(error: Exception) -> str:
    return printable(reason_of(error))
