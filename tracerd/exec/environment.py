"""What the environment says of the trace, and what it says to the command."""

import os
import time

from tracerd.errors import InvalidTraceIdError
from tracerd.socket_path import socket_path
from tracerd.trace_id import TraceId

Environ = dict[bytes, bytes]

_HEX = frozenset("0123456789abcdef")
_SPAN_DIGITS = 16
_PID_DIGITS = 8
_W3C_DIGITS = 32


def given() -> Environ:
    """The environment as we were given it: Python itself sets LC_CTYPE where the locale is C."""
    try:
        with open("/proc/self/environ", "rb", buffering=0) as file:
            block = file.readall()
    except OSError:
        return dict(os.environb)
    pairs = (entry.partition(b"=") for entry in block.split(b"\0"))
    return {name: value for name, equals, value in pairs if name and equals}


class TraceContext:
    """Where a command belongs.

    Attributes:
        trace_id: Its trace.
        nested: An enclosing `tracerd exec` of the same trace started us.
        parent_pid: The process in whose span the command begins, or None.
        socket: Where the daemon listens, absolute.
        complaint: What was wrong with the environment; empty: nothing.
    """

    def __init__(self, environ: Environ, trace: TraceId | None) -> None:
        named = {os.fsdecode(name): os.fsdecode(value) for name, value in environ.items()}
        self.socket = absolute(socket_path(named)) or socket_path(named)
        self.complaint = ""
        present = None
        try:
            if text := named.get("TRACERD_TRACE_ID"):
                present = TraceId(text)
        except InvalidTraceIdError as error:
            self.complaint = f"TRACERD_TRACE_ID: {error}; this command begins a new trace"
        self.trace_id = trace or present or new_trace_id()
        parent = named.get("TRACERD_PARENT", "")
        self.nested = self.trace_id == present and is_hex(parent, _SPAN_DIGITS)
        self.parent_pid = int(parent[:_PID_DIGITS], 16) if self.nested else None


def absolute(path: str) -> str | None:
    """The absolute path, or None where the current directory was removed."""
    try:
        return os.path.abspath(path)
    except FileNotFoundError:
        return None


def new_trace_id() -> TraceId:
    """When, and a trace id of W3C Trace Context, as `tracerd env --new` makes them."""
    return TraceId(f"tr-{int(time.time())}-{os.urandom(_W3C_DIGITS // 2).hex()}")


def is_hex(text: str, digits: int) -> bool:
    """Whether this is a number of so many hexadecimal digits, in lower case and not 0."""
    return len(text) == digits and _HEX.issuperset(text) and text.strip("0") != ""


def span_id(pid: int, random: bytes) -> str:
    """A span's id: the process in 8 digits, so that others know on whose row the span lies, and 8 random digits."""
    return f"{pid:0{_PID_DIGITS}x}{random[:4].hex()}"


def w3c_trace_id(trace_id: str) -> str:
    """The 32 digits for TRACEPARENT: those at the end of the id, or else a hash (FNV-1a) of it."""
    end = trace_id[-_W3C_DIGITS:]
    if is_hex(end, _W3C_DIGITS):
        return end
    number = 0x6C62272E07BB014262B821756295C58D
    for byte in trace_id.encode():
        number = (number ^ byte) * 0x0000000001000000000000000000013B & (1 << 128) - 1
    return f"{number or 1:032x}"


def told(place: TraceContext, span: str, *, daemon: bool) -> Environ:
    """What the command finds in its environment.

    Args:
        place: Where it belongs.
        span: Its span's id.
        daemon: Whether a daemon listens. OCaml programs die if they are told of one that does not.
    """
    variables = {
        "TRACERD_TRACE_ID": str(place.trace_id),
        "TRACERD_SOCKET": place.socket,
        "TRACERD_PARENT": span,
        "TRACEPARENT": f"00-{w3c_trace_id(place.trace_id)}-{span}-01",
    }
    if daemon:
        variables |= {"TRACE_TEF_TLDR_TRACE_ID": str(place.trace_id), "TRACE_TEF_TLDR_SOCKET": place.socket}
    return {os.fsencode(name): os.fsencode(value) for name, value in variables.items()}
