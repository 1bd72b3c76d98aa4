"""What processes and threads are called: their latest names, which may stand anywhere in a log."""

from collections.abc import Iterable
from typing import Final

import msgspec

from tracerd.store.log import lines_with
from tracerd.trace_json.begin_marks import PROCESS_CAT

GIVEN_BY_EXEC: Final = -1
"""The time of a name that `tracerd exec` gives: before all that a process says of itself, even without a time."""

Id = int | float | str | None

_MARKS: Final = (b'"process_name"', b'"thread_name"')


class _Args(msgspec.Struct, gc=False):
    name: str


class _Metadata(msgspec.Struct, gc=False):
    ph: str
    name: str
    args: _Args
    cat: str = ""
    pid: int | str | None = None
    tid: int | str | None = None
    ts: int | float = 0


_METADATA = msgspec.json.Decoder(_Metadata)


class ProcessNames:
    """The names in a log.

    Attributes:
        processes: By pid.
        threads: By pid and tid.
    """

    def __init__(self) -> None:
        self.processes: dict[Id, str] = {}
        self.threads: dict[tuple[Id, Id], str] = {}
        self._since: dict[tuple[bool, Id, Id], int | float] = {}

    def take(self, blocks: Iterable[bytes]) -> None:
        """Look through a log; only lines with the name of such metadata are decoded."""
        for block in blocks:
            for mark in _MARKS:
                for _, line in lines_with(block, mark):
                    self._take_line(line)

    def _take_line(self, line: bytes) -> None:
        try:
            event = _METADATA.decode(line)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return
        if event.ph != "M" or not event.args.name:
            return
        is_process = event.name == "process_name"
        if not is_process and event.name != "thread_name":
            return
        key = (is_process, event.pid, None if is_process else event.tid)
        ts = GIVEN_BY_EXEC if event.cat == PROCESS_CAT else event.ts
        if ts < self._since.get(key, ts):
            return
        self._since[key] = ts
        if is_process:
            self.processes[event.pid] = event.args.name
        else:
            self.threads[event.pid, event.tid] = event.args.name
