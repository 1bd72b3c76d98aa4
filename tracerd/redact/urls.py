"""Logins in URLs: a password may hold any character, so what is before the last `@` counts."""

import re
from collections.abc import Iterator

from tracerd.redact.rules import HIDDEN, replaced

_STOP = rb" \t-\r\"'<>\\"
_HOST = rb"@[^%s@:]*+(?::\d++[^%s@:]*+|(?!))?+(?![@:])" % (_STOP, _STOP)
_LONE = re.compile(
    rb"://(?:(?<=[Hh][Tt][Tt][Pp][Ss]://)|(?<=[Hh][Tt][Tt][Pp]://))(?!@)[^%s/?#@:]*+(?::[^%s/?#@:]*+|(?!))?+(?=%s)"
    % (_STOP, _STOP, _HOST)
)
"""The login of a web address of the usual form, to the end of its word."""
_USER_NAME = rb"[^%s\[/?#@:]*+:" % _STOP
_LONE_PASSWORD = re.compile(
    rb"(://%s)(?!\d*+[,;)]|%s%s)[^%s/?#@:]++(?=%s)" % (_USER_NAME, re.escape(HIDDEN), _HOST, _STOP, _HOST)
)
"""The password of any other address of that form, behind its user."""
_RUN = re.compile(rb"://(?!(?:%s|(?!))?+%s%s)[^%s]++" % (_USER_NAME, re.escape(HIDDEN), _HOST, _STOP))
"""A word that holds other URLs, from its first scheme on."""
_HOST_END = re.compile(rb"[/?#]")
_USER = re.compile(rb"[^\[:/?#]*+:(?!\d*+(?:[/?#,;)]|\Z))")
"""A user's name, if what follows is no port."""


def hide_logins(data: bytes) -> bytes:
    """`data` without the passwords of URLs.

    Of a web address nothing of the login stays, for the name may be a token.
    """
    data = _LONE.sub(b"://" + HIDDEN, data)
    data = _LONE_PASSWORD.sub(rb"\1" + HIDDEN, data)
    runs = (run.span() for run in _RUN.finditer(data) if b"@" in run[0])
    return replaced(data, (secret for run in runs for secret in _secrets(data, *run)))


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
