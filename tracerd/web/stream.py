"""The route of events as they arrive, as Server-Sent Events."""

import time
from collections.abc import AsyncGenerator
from typing import Final, Protocol

import anyio
import anyio.to_thread

from tracerd.rows.follow import Live
from tracerd.traces.stored import list_logs
from tracerd.view.tail import Output
from tracerd.web.answers import encoded
from tracerd.web.forms import Parameter, Values
from tracerd.web.logs import FILTERS, event_test
from tracerd.web.store import Store

PATH: Final = "/api/stream"
MEDIA_TYPE: Final = "text/event-stream"
SUMMARY: Final = "Events as they arrive, as `tracerd tail -f --json` prints them: Server-Sent Events."

PARAMETERS: Final = (
    Parameter("trace", "Only of this trace, which need not be there yet."),
    *FILTERS,
    Parameter(
        "changes",
        'Not the events: once a second at most, `{"traces":[...]}` with those that have grown or were removed.',
        choices=("true", "false"),
    ),
)

MAX_STREAMS: Final = 20

POLL_S: Final = 0.1
CHANGES_S: Final = 1.0
COMMENT_S: Final = 15.0
"""How often logs are read, and looked at; and after which silence a comment is sent, so that no proxy ends the
connection."""

_EVENT: Final = b"data: %s\n\n"
_COMMENT: Final = b": still here\n\n"


class Messages(Protocol):
    """What a client asked for, from `open` on; both are called in a thread."""

    every_s: float

    def open(self) -> None:
        """Begin here."""

    def poll(self) -> bytes:
        """What has come since the last time, as messages."""
        ...

    def close(self) -> None:
        """Let go of the logs."""


def followed(store: Store, values: Values) -> Messages:
    """What the parameters of a request ask for.

    Raises:
        Refusal: One is wrong.
        QueryError: The expression is.
    """
    return _Changes(store, values) if values.text("changes") == "true" else _Events(store, values)


class _Events:
    """Events; of a trace that is named from the end of its log, if it is there already."""

    every_s = POLL_S

    def __init__(self, store: Store, values: Values) -> None:
        trace = values.text("trace")
        self._directory = store.directory
        self._path = None if trace is None else store.new_log(trace)
        self._output = Output(event_test(values), as_json=True, with_trace=True, colour=False, warn=lambda _: None)
        self._live: Live | None = None

    def open(self) -> None:
        self._live = Live(self._directory, self._path, at_end=True)

    def poll(self) -> bytes:
        assert self._live is not None  # noqa: S101 (it is opened first)
        lines = b"".join(self._output.of(log, block) for log, block in self._live.poll())
        return b"".join(_EVENT % line for line in lines.splitlines())

    def close(self) -> None:
        if self._live is not None:
            self._live.close()


class _Changes:
    """Which logs have changed: enough for a page that asks again, and cheap however much is written."""

    every_s = CHANGES_S

    def __init__(self, store: Store, values: Values) -> None:
        self._store = store
        self._trace = values.text("trace")
        self._sizes: dict[str, int] = {}

    def open(self) -> None:
        self._sizes = self._now()

    def poll(self) -> bytes:
        before, self._sizes = self._sizes, self._now()
        traces = sorted(
            name for name in before.keys() | self._sizes.keys() if before.get(name) != self._sizes.get(name)
        )
        return _EVENT % encoded({"traces": traces}) if traces else b""

    def close(self) -> None:
        pass

    def _now(self) -> dict[str, int]:
        logs = list_logs(self._store.directory)
        return {log.trace_id: log.log_size + log.packed_size for log in logs if self._trace in (None, log.trace_id)}


async def messages(follower: Messages) -> AsyncGenerator[bytes]:
    """Messages, until the client goes."""
    await anyio.to_thread.run_sync(follower.open)
    try:
        yield _COMMENT
        quiet_since = time.monotonic()
        while True:
            if found := await anyio.to_thread.run_sync(follower.poll):
                yield found
                quiet_since = time.monotonic()
            elif time.monotonic() - quiet_since >= COMMENT_S:
                yield _COMMENT
                quiet_since = time.monotonic()
            await anyio.sleep(follower.every_s)
    finally:
        follower.close()
