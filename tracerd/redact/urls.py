"""Logins in URLs: a password may hold any character, so what is before the last `@` counts."""

import re
from collections.abc import Iterator

from tracerd.redact.rules import replaced

_STOP = rb" \t-\r\"'<>\\"
_LOGIN = rb"(?!@)[^%s/?#@:]*+(?::[^%s/?#@:]*+)?+" % (_STOP, _STOP)
_RUN = re.compile(
    rb"://(?:(?:(?<=[Hh][Tt][Tt][Pp][Ss]://)|(?<=[Hh][Tt][Tt][Pp]://))(%s)@[^%s@:]*+(?![@:])|[^%s]++)"
    % (_LOGIN, _STOP, _STOP)
)
"""A word that holds URLs, from its first scheme on; the group is the login of a lone web address of the usual form."""
_HOST_END = re.compile(rb"[/?#]")
_USER = re.compile(rb"[^\[:/?#]*+:(?!\d*+(?:[/?#,;)]|\Z))")
"""A user's name, if what follows is no port."""


def hide_logins(data: bytes) -> bytes:
    """`data` without the passwords of URLs.

    Of a web address nothing of the login stays, for the name may be a token.
    """
    return replaced(data, _logins(data))


def _logins(data: bytes) -> Iterator[tuple[int, int]]:
    for run in _RUN.finditer(data):
        if run.lastindex:
            yield run.span(1)
        elif b"@" in run[0]:
            yield from _secrets(data, *run.span())


def _secrets(data: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The secrets of a word that holds URLs."""
    while start >= 0:
        scheme = data[max(0, start - 5) : start].lower()
        start += len("://")
        following = data.find(b"://", start, end)
        stop = end if following < 0 else following
        host_end = _HOST_END.search(data, start, stop)
        at = data.rfind(b"@", start, host_end.start() if host_end else stop)
        user = _USER.match(data, start, stop)
        if at < 0 and user:  # a password with a slash
            at = data.rfind(b"@", start, stop)
        if at > start:
            if scheme.endswith((b"http", b"https")):
                yield start, at
            elif user and user.end() < at:
                yield user.end(), at
        start = following
