"""Which events are errors.

Strategy: `args` are decoded only where one of these words stands in the block, and then only these keys. Most
blocks hold none of them, and finding that out takes a search in C.
"""

from typing import Final

import msgspec

from tracerd.rows.levels import ERROR_LEVELS, known_level

ERROR_KEYS: Final = ("error", "level", "exit_code", "signal", "outcome")
"""The args that decide, in the order in which `error_of` takes them."""

_WORDS: Final = tuple(f'"{key}"'.encode() for key in ERROR_KEYS)


class ErrorArgs(msgspec.Struct, gc=False):
    """The args that decide; None if there is no such key."""

    error: object = None
    level: object = None
    exit_code: object = None
    signal: object = None
    outcome: object = None


_ARGS = msgspec.json.Decoder(ErrorArgs)


def may_have_errors(block: bytes) -> bool:
    """Whether any event of a block may be an error; keys written with escapes are not found."""
    return any(word in block for word in _WORDS)


def is_error(args: msgspec.Raw) -> bool:
    """Whether an event with these args is an error, see `error_of`."""
    try:
        found = _ARGS.decode(args)
    except (msgspec.DecodeError, RecursionError):  # no object, or too deep for us
        return False
    return error_of(found.error, found.level, found.exit_code, found.signal, found.outcome)


def error_of(error: object, level: object, exit_code: object, signal: object, outcome: object) -> bool:
    """Whether an event with these args is an error.

    It is if they have an `error` or a `signal` that is not null, false, 0 or empty, a `level` of ERROR_LEVELS, an
    `exit_code` other than 0, or the `outcome` of a test that failed. A skipped or xfailed test is none, whatever it
    raised.
    """
    if outcome in ("skipped", "xfailed"):
        return False
    return (
        bool(error)
        or bool(signal)
        or outcome == "failed"
        or known_level(level) in ERROR_LEVELS
        or (isinstance(exit_code, int) and exit_code != 0)
    )
