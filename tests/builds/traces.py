"""Traces of builds, made as `tracerd exec` writes them."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from tracerd.builds.reader import read_build
from tracerd.builds.steps import Build
from tracerd.exec import event

ROOT = 100
"""The pid of the command in most of these."""


@dataclass
class Trace:
    """A trace in the making; times are in us, from 0."""

    lines: list[str] = field(default_factory=list[str])
    next_pid: int = ROOT

    def step(
        self,
        command: str,
        start: int,
        end: int,
        *,
        parent: int | None = None,
        pid: int | None = None,
        was: tuple[str, int] | None = None,
        **args: object,
    ) -> int:
        """Add a process; returns its pid.

        Args:
            command: Its command line.
            start: When it began.
            end: When it ended.
            parent: What started it; None: ROOT, unless it is the first.
            pid: Its number; None: a new one.
            was: The program that it was before, and until when.
            args: What else its span has, such as `exit_code`.
        """
        if pid is None:
            pid, self.next_pid = self.next_pid, self.next_pid + 1
        if parent is None and self.lines:
            parent = ROOT
        argv = command.split(" ")
        name = argv[0].rpartition("/")[2]
        self.lines.append(event.process_name(pid, name))
        since = start
        if was:
            earlier, since = was
            self._span(pid, earlier, start, since, {"argv": [earlier], "became": name})
        self._span(pid, name, since, end, {"argv": argv, "exit_code": 0, **args})
        if parent is not None:
            self.lines.append(event.arrow(parent, pid, start, f"0x{len(self.lines):x}"))
        return pid

    def _span(self, pid: int, name: str, start: int, end: int, args: dict[str, object]) -> None:
        times = {"ts": start, "dur": end - start}
        span = {"ph": "X", "name": name, "cat": "process", "pid": pid, "tid": pid, **times, "args": args}
        self.lines.append(json.dumps(span, separators=(",", ":")) + "\n")

    @property
    def block(self) -> bytes:
        """The lines."""
        return "".join(self.lines).encode()

    def build(self) -> Build:
        """What a reader makes of it."""
        build = read_build([self.block])
        assert build is not None
        return build


def document(lines: Iterable[bytes]) -> bytes:
    """Lines, in blocks, as a document for Perfetto."""
    return b'{"traceEvents":[' + b",\n".join(b"".join(lines).splitlines()) + b"]}"
