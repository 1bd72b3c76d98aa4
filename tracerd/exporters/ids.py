"""Ids of W3C Trace Context for what has none: hashes of trace and line, so a second export has the same."""

from hashlib import sha256

from tracerd.trace_id import W3C_DIGITS, is_hex

SPAN_DIGITS = 16


def trace_id_of(trace: str) -> str:
    """The 32 hexadecimal digits that the trace's own id ends in, else a hash of it."""
    end = trace[-W3C_DIGITS:]
    return end if is_hex(end, W3C_DIGITS) else sha256(trace.encode(errors="replace")).hexdigest()[:W3C_DIGITS]


def span_id_of(trace: str, line: int, given: object = None) -> str:
    """The id of the span that begins in a line: `given` if it is one, else a hash."""
    if isinstance(given, str) and is_hex(given, SPAN_DIGITS):
        return given
    return sha256(f"{trace}:{line}".encode(errors="replace")).hexdigest()[:SPAN_DIGITS]
