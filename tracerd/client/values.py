"""What programs pass to a client, or are, as values of events. No I/O."""

from __future__ import annotations

import os
import sys
from zlib import crc32

from tracerd.client.border import keep, kept
from tracerd.client.encode import as_text

_IDS = 2**63


@kept("")
def program_name() -> str:
    """The name of the program, as far as `sys.argv` has one: embedding programs leave it out, or put anything there."""
    directory, name = os.path.split(sys.argv[0])
    if name == "__main__.py":  # of `python -m package`
        name = os.path.basename(directory)
    return name if name != "-c" else ""


def chosen(fields: dict[str, str], choice: object) -> str:
    """The field for a choice, the first one if it is none."""
    return fields.get(as_text(choice)) or next(iter(fields.values()))


def number_of(value: object) -> int | float | None:
    """A value of a counter, if it is a number that Perfetto takes."""
    try:
        number = int(value) if isinstance(value, int) else float(value)  # type: ignore[arg-type]  # whatever is given
    except BaseException as error:
        keep(error)
        return None
    if isinstance(number, int):
        return number if abs(number) < 2**63 else None
    return number if abs(number) <= sys.float_info.max else None


def flow_id(value: object) -> int:
    """A number below 2^63: Perfetto takes no larger one, and no other text than hexadecimal digits."""
    try:
        if isinstance(value, int):
            return int(value) % _IDS
    except BaseException as error:
        keep(error)
    text = as_text(value).encode(errors="replace")
    return (crc32(text) << 32 | crc32(text[::-1])) % _IDS
