"""The trace context in environment variables: what exec was given, and what its command gets."""

import os

from tracerd.errors import InvalidTraceIdError
from tracerd.socket_path import socket_path
from tracerd.trace_id import W3C_DIGITS, TraceId, is_hex, new

Environ = dict[bytes, bytes]

ARGS_VARIABLE = b"TRACERD_EXEC_ARGS"
"""What of command lines an enclosing exec records: one of `options.ARGS`."""

ALL_VARIABLE = b"TRACERD_EXEC_ALL"
"""Set if an enclosing exec records every process, from outside."""

SPAN_DIGITS = 16
_W3C_PARTS = 4
_SAMPLED = "01"
_PID_DIGITS = 8


def given() -> Environ:
    """The environment as the kernel gave it to us; `os.environ` has an LC_CTYPE of Python's where the locale is C."""
    try:
        with open("/proc/self/environ", "rb", buffering=0) as file:
            block = file.readall()
    except OSError:
        return dict(os.environb)
    pairs = (entry.partition(b"=") for entry in block.split(b"\0"))
    return {name: value for name, equals, value in pairs if name and equals}


class TraceContext:
    """The trace that a command belongs to, and its parent there.

    Attributes:
        trace_id: The trace.
        nested: An enclosing `tracerd exec` of the same trace started us.
        is_new: It begins with this command, and has an id of its own.
        parent_pid: The process in whose span the command begins, or None.
        socket: Where the daemon listens, absolute.
        w3c_trace_id: The 32 digits for TRACEPARENT: those that came in, else those of the trace id, else a hash of it.
        w3c_flags: The flags that came in with them, else `01`, for sampled.
        warning: What was wrong with the environment; empty: nothing.
    """

    def __init__(self, environ: Environ, trace: TraceId | None) -> None:
        named = {os.fsdecode(name): os.fsdecode(value) for name, value in environ.items()}
        self.socket = absolute(socket_path(named)) or socket_path(named)
        self.warning = ""
        present = None
        try:
            if text := named.get("TRACERD_TRACE_ID"):
                present = TraceId(text)
        except InvalidTraceIdError as error:
            self.warning = f"TRACERD_TRACE_ID: {error}; this command begins a new trace"
        w3c_trace_id, self.w3c_flags = _w3c_given(named.get("TRACEPARENT", ""))
        self.trace_id = trace or present or new(w3c_trace_id)
        self.w3c_trace_id = w3c_trace_id or self.trace_id.w3c_digits or digest(self.trace_id.encode())
        parent = named.get("TRACERD_PARENT", "")
        self.is_new = not (trace or present)
        self.nested = self.trace_id == present and is_hex(parent, SPAN_DIGITS)
        self.parent_pid = pid_of(parent) if self.nested else None


def absolute(path: str) -> str | None:
    """The absolute path, or None where the current directory was removed."""
    try:
        return os.path.abspath(path)
    except FileNotFoundError:
        return None


def current_directory() -> str | None:
    """The current directory, or None where it was removed."""
    try:
        return os.getcwd()
    except OSError:
        return None


def span_id(pid: int, random: bytes) -> str:
    """A span's id: the process in 8 digits, so that others know on whose row the span lies, and 8 random digits."""
    return f"{pid:0{_PID_DIGITS}x}{random[:4].hex()}"


def pid_of(span: str) -> int:
    """The process in a span's id."""
    return int(span[:_PID_DIGITS], 16)


def state_directory(environ: Environ) -> str | None:
    """Where a user's programs keep what stays: `$XDG_STATE_HOME`, else `~/.local/state`; None without a home."""
    named, home = (os.fsdecode(environ.get(name, b"")) for name in (b"XDG_STATE_HOME", b"HOME"))
    if os.path.isabs(named):
        return named
    return os.path.join(home, ".local", "state") if os.path.isabs(home) else None


def _w3c_given(traceparent: str) -> tuple[str, str]:
    """Trace id and flags of W3C Trace Context; if it is not valid, no digits, and the flag for sampled."""
    parts = traceparent.split("-")
    # A later version may have more parts.
    if len(parts) < _W3C_PARTS or (parts[0] == "00" and len(parts) > _W3C_PARTS):
        return "", _SAMPLED
    version, trace_id, span, flags = parts[:_W3C_PARTS]
    if version == "ff" or not (is_hex(f"1{version}", 3) and is_hex(f"1{flags}", 3)):
        return "", _SAMPLED
    if not (is_hex(trace_id, W3C_DIGITS) and is_hex(span, SPAN_DIGITS)):
        return "", _SAMPLED
    return trace_id, flags


def digest(data: bytes) -> str:
    """FNV-1a, as 32 digits: to import hashlib takes longer."""
    number = 0x6C62272E07BB014262B821756295C58D
    for byte in data:
        number = (number ^ byte) * 0x0000000001000000000000000000013B & (1 << 128) - 1
    return f"{number or 1:032x}"


def exported(context: TraceContext, span: str, environ: Environ, *, daemon: bool, git: bool) -> Environ:
    """The variables that the command gets.

    Args:
        context: Where it belongs.
        span: Its span's id.
        environ: What else it gets.
        daemon: Whether a daemon listens. OCaml programs die if their variables name one that does not.
        git: Whether git is to write of itself.
    """
    variables = {
        "TRACERD_TRACE_ID": str(context.trace_id),
        "TRACERD_SOCKET": context.socket,
        "TRACERD_PARENT": span,
        "TRACEPARENT": f"00-{context.w3c_trace_id}-{span}-{context.w3c_flags}",
    }
    if daemon:
        variables |= {"TRACE_TEF_TLDR_TRACE_ID": str(context.trace_id), "TRACE_TEF_TLDR_SOCKET": context.socket}
        # An exec around us has set them, or not on purpose. Git writes whole command lines.
        if git and not context.nested and environ.get(ARGS_VARIABLE) == b"full":
            variables |= _for_git(context, environ)
    return {os.fsencode(name): os.fsencode(value) for name, value in variables.items()}


def _for_git(context: TraceContext, environ: Environ) -> dict[str, str]:
    """What makes git write to the daemon, unless it was given another place, or another parent."""
    place = f"af_unix:stream:{context.socket}"
    given = environ.get(b"GIT_TRACE2_EVENT")
    has_other_parent = given is None and b"GIT_TRACE2_PARENT_SID" in environ
    if has_other_parent or given not in (None, os.fsencode(place)) or not os.path.isabs(context.socket):
        return {}
    return {"GIT_TRACE2_EVENT": place, "GIT_TRACE2_PARENT_SID": str(context.trace_id)}
