"""Which events are errors.

Strategy: `args` are decoded only where one of these words stands in the block, and then only these keys. Most
blocks hold none of them, and finding that out takes a search in C.
"""

from typing import Final

import msgspec

from tracerd.rows.levels import ERROR_LEVELS, known_level

_WORDS: Final = (b'"error"', b'"level"', b'"exit_code"', b'"signal"', b'"outcome"')


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
    """Whether an event with these args is an error, see `are_of_error`."""
    try:
        return are_of_error(_ARGS.decode(args))
    except (msgspec.DecodeError, RecursionError):  # no object, or too deep for us
        return False


def are_of_error(args: ErrorArgs) -> bool:
    """Whether an event with these args is an error.

    It is if they have an `error` or a `signal` that is not null, false, 0 or empty, a `level` of ERROR_LEVELS, an
    `exit_code` other than 0, or the `outcome` of a test that failed. A skipped or xfailed test is none, whatever it
    raised.
    """
    if args.outcome in ("skipped", "xfailed"):
        return False
    return (
        bool(args.error)
        or bool(args.signal)
        or args.outcome == "failed"
        or known_level(args.level) in ERROR_LEVELS
        or (isinstance(args.exit_code, int) and args.exit_code != 0)
    )
