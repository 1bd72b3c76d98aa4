"""Lines of a log as a part of a trace has them: at other times, without secrets; and the ends that spans lack."""

from collections.abc import Callable
from decimal import Decimal
from typing import Final

import msgspec

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])

_OF_AN_END: Final = ("name", "cat", "pid", "tid", "id", "id2")
"""What Perfetto finds the begin by."""

Rewrite = Callable[[bytes], bytes]


def rebased(base_us: int) -> Rewrite:
    """What moves an event so much towards 0; what has no `ts` stays as it is. Digits are kept."""

    def move(line: bytes) -> bytes:
        fields = _FIELDS.decode(line)
        raw = fields.get("ts")
        if raw is None:
            return line
        text = bytes(raw)
        was = Decimal(msgspec.json.decode(text) if text.startswith(b'"') else text.decode())
        if was >= 0:  # Perfetto drops what is below, so it is no time
            fields["ts"] = msgspec.Raw(f"{max(was - base_us, Decimal(0)):f}".encode())
        return msgspec.json.encode(fields)

    return move


def time_text(ns: int) -> bytes:
    """A time in microseconds, exactly."""
    us, rest = divmod(ns, 1000)
    return b"%d.%03d" % (us, rest) if rest else b"%d" % us


def end_line(begin: bytes, ns: int) -> bytes:
    """The E, or e, that a B, or b, lacks.

    Args:
        begin: The line of the begin, which Perfetto reads.
        ns: When it ends.
    """
    fields = _FIELDS.decode(begin)
    is_async = bytes(fields["ph"]).startswith(b'"b')
    end = {"ph": msgspec.Raw(b'"e"' if is_async else b'"E"')} | {
        key: fields[key] for key in _OF_AN_END if key in fields
    }
    return msgspec.json.encode(end | {"ts": msgspec.Raw(time_text(ns))})
