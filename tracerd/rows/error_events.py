"""Which events tell of an error."""

from typing import Final

import msgspec

from tracerd.rows.levels import ERROR_LEVELS, known_level

_WORDS: Final = (b'"error"', b'"level"', b'"exit_code"')


class _Args(msgspec.Struct):
    error: object = None
    level: object = None
    exit_code: object = None


_ARGS = msgspec.json.Decoder(_Args)


def may_have_errors(block: bytes) -> bool:
    """Whether any event of a block may tell of an error; escapes in keys are not looked for."""
    return any(word in block for word in _WORDS)


def is_error(args: msgspec.Raw) -> bool:
    """Whether the args of an event tell of an error.

    They do if they have an `error` that is not null, false, 0 or empty, a `level` of ERROR_LEVELS, or an `exit_code`
    other than 0.
    """
    try:
        found = _ARGS.decode(args)
    except (msgspec.DecodeError, RecursionError):  # no object, or too deep for us
        return False
    return (
        bool(found.error)
        or known_level(found.level) in ERROR_LEVELS
        or (isinstance(found.exit_code, int) and found.exit_code != 0)
    )
