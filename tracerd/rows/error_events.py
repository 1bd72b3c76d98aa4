"""Which events are errors.

Strategy: `args` are decoded only where one of three words stands in the block, and then only the three keys. Most
blocks hold none of them, and a search in C finds that out.
"""

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
    """Whether any event of a block may be an error; keys written with escapes are not found."""
    return any(word in block for word in _WORDS)


def is_error(args: msgspec.Raw) -> bool:
    """Whether an event with these args is an error.

    It is if they have an `error` that is not null, false, 0 or empty, a `level` of ERROR_LEVELS, or an `exit_code`
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
