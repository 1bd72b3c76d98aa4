"""The lines that a process of git writes to a socket, as lines of the trace that it belongs to.

Trace2's version event begins a connection. Its id (`sid`) begins with `GIT_TRACE2_PARENT_SID`, in which exec puts the
trace.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import Final

import msgspec

from tracerd import redact
from tracerd.git_trace2.line import MAIN
from tracerd.git_trace2.process import MAX_OPEN, Event, GitProcess
from tracerd.trace_id import MAX_TRACE_ID_BYTES, TraceId

_FIRST: Final = b'{"event":"version",'
_PID: Final = re.compile(r".*-P([0-9a-f]{8})", re.DOTALL)
_PID_BITS: Final = 22


class _Version(msgspec.Struct):
    sid: str


def sid_of(block: bytes) -> str | None:
    """The id of the process whose connection begins with these lines; None if it is none of git."""
    if not block.startswith(_FIRST):
        return None
    try:
        return msgspec.json.decode(block[: block.index(b"\n")], type=_Version).sid
    except msgspec.DecodeError:
        return None


class GitConnection:
    """A process of git, as a trace shows it.

    Args:
        sid: Its id.
        peer_pid: The process that has connected.
        wall_offset_us: What the wall clock is ahead of the trace's clock.

    Attributes:
        trace_id: The trace that it belongs to.
    """

    def __init__(self, sid: str, peer_pid: int, wall_offset_us: int) -> None:
        first, *_, last = sid.split("/") if "/" in sid else (sid, sid)
        self.trace_id = _trace_id(first)
        pid = _PID.fullmatch(last)
        self._pid = int(pid[1], 16) if pid else 0
        self._pid = self._pid or peer_pid
        self._mark = blake2b(sid.encode(errors="replace"), digest_size=8).hexdigest()
        self._wall_offset_us = wall_offset_us
        self._process = GitProcess()
        self._tids: dict[str, int] = {MAIN: self._pid}

    @property
    def unknown(self) -> int:
        """How many of its events are of kinds that are not known here."""
        return self._process.unknown

    def take(self, line: bytes) -> Iterator[bytes | str]:
        """What a line of git means: lines of the trace; as text, why it means nothing."""
        for piece in self._process.take(line):
            if isinstance(piece, Event):
                yield from self._lines(piece)
            else:
                yield piece

    def finish(self) -> Iterator[bytes]:
        """What the end of the connection means."""
        for event in self._process.finish():
            yield from self._lines(event)

    def _lines(self, event: Event) -> Iterable[bytes]:
        tid = self._tids.get(event.thread)
        if tid is None and len(self._tids) >= MAX_OPEN:
            tid = self._pid
        if tid is None:  # a number that no other process has
            tid = self._tids[event.thread] = self._pid + (len(self._tids) << _PID_BITS)
            yield _line(
                {"ph": "M", "name": "thread_name", "pid": self._pid, "tid": tid, "args": {"name": event.thread}}
            )
        where = {"pid": self._pid, "tid": tid}
        time = {"ts": max(0, event.at_us - self._wall_offset_us)}
        match event.ph:
            case "B":  # readers show a process whose end is missing as begun
                args = {"id": self._mark, "name": event.name, "cat": event.cat}
                yield _line({"ph": "M", "name": "tracerd_begin", **where, **time, "args": args})
            case "M":
                yield _line({"ph": "M", "name": "process_name", **where, "args": {"name": event.name}})
            case "X":
                span = {"ph": "X", "name": event.name, "cat": event.cat, **where, **time, "dur": event.dur_us}
                has_mark = event.cat == "git" and event.thread == MAIN
                end = {"begin": self._mark} if has_mark else {}
                if not has_mark or self._process.is_seen:
                    yield _line(span | {"args": event.args} | end)
            case "i":
                moment = {"ph": "i", "s": "t", "name": event.name, "cat": event.cat, **where, **time}
                yield _line(moment | {"args": event.args})
            case _:
                child = {"ph": event.ph, "name": event.name, "cat": event.cat, "id2": {"local": hex(event.child)}}
                yield _line(child | where | time | {"args": event.args})


def without_secrets(lines: list[bytes]) -> bytes:
    """These lines together, without secrets."""
    block = b"".join(lines)
    return b"".join(map(redact.line, lines)) if redact.may_hold_secret(block) else block


def _trace_id(text: str) -> TraceId:
    """The text, or what a trace id may have of it."""
    clean = "".join(each if each.isprintable() and each != " " else "_" for each in text)
    if clean[:1] in ("", ".", "-"):
        clean = f"git{clean}"
    return TraceId(clean.encode()[:MAX_TRACE_ID_BYTES].decode(errors="ignore"))


def _line(event: Mapping[str, object]) -> bytes:
    return msgspec.json.encode(event) + b"\n"
