"""Command lines: the value of an option is a word of its own, and some programs have letters for names."""

import re

from tracerd.redact import HINTS
from tracerd.redact.rules import ARGUMENT, HIDDEN, NAME, OPTION, SCRIPT, hide
from tracerd.redact.strings import decode, encode
from tracerd.redact.urls import hide_logins

Pattern = re.Pattern[bytes]

_ALL = re.compile(b"")
_LOGIN = re.compile(rb"(?!\d++:\d++\Z)[^\s:]*+:(?!//)(?=.)", re.DOTALL)
_COOKIE = re.compile(rb"[^\s=]++=(?=.)", re.DOTALL)

_SCHEMES = (b"bearer", b"basic", b"digest", b"token", b"--")
"""May stand between the name of a secret and the secret."""

_NEXT: dict[bytes, tuple[tuple[Pattern, Pattern], ...]] = {
    b"curl": ((re.compile(rb"-[a-zA-Z]{0,8}[uU]"), _LOGIN), (re.compile(rb"-[a-zA-Z]{0,8}b"), _COOKIE)),
    b"docker login": ((re.compile(rb"-p"), _ALL),),
    b"openssl": ((re.compile(rb"-[kK]"), _ALL),),
    b"podman login": ((re.compile(rb"-p"), _ALL),),
    b"redis-cli": ((re.compile(rb"-a"), _ALL),),
    b"sshpass": ((re.compile(rb"-p"), _ALL),),
}
"""By program: an option, and what precedes the secret in the argument that follows it."""

_PASSWORD = re.compile(rb"-p(?=.)", re.DOTALL)
_SAME: dict[bytes, Pattern] = {
    b"curl": re.compile(rb"-[a-zA-Z]{0,8}[uU][^\s:]++:(?=.)", re.DOTALL),
    b"mariadb": _PASSWORD,
    b"mysql": _PASSWORD,
    b"mysqladmin": _PASSWORD,
    b"mysqldump": _PASSWORD,
    b"ssh": re.compile(rb"(?!-)[^\s:/@]++:(?=[^\s@]++@)"),  # as git hands on the login of a URL
    b"sshpass": _PASSWORD,
}
"""By program: what precedes a secret in the same argument."""

_LOGIN_OPTIONS = (b"-u", b"--user", b"--proxy-user")
_SCRIPT_OPTION = re.compile(rb"-[a-z]{0,8}c")
_NOT_A_NAME = re.compile(rb"[\s\"']|://")


def redacted(words: list[str]) -> list[str]:
    """The words without the secrets in them."""
    shown: list[str] = []
    program = before = b""
    secret: Pattern | None = None  # what precedes it in the word that comes
    for text in words:
        word = encode(text)
        low = word.lower()
        if secret is _ALL and low in _SCHEMES:
            shown.append(text)
            continue
        same = _SAME.get(program)
        found = (secret and secret.match(word)) or (same and same.match(word))
        if found:
            clean = found[0] + HIDDEN
            secret = None
        else:
            is_script = _SCRIPT_OPTION.fullmatch(before) is not None
            clean = _without(word, is_script=is_script)
            program = _program(word, program)
            secret = _following(word, low, before, program)
        before = low
        shown.append(text if clean is word else decode(clean))
    return shown


def _program(word: bytes, program: bytes) -> bytes:
    """The program that the options after this word are for, as far as we know any of its options."""
    name = word.rpartition(b"/")[2]
    if name == b"login" and program in (b"docker", b"podman"):
        return program + b" login"
    return name if name in _NEXT or name in _SAME or name in (b"docker", b"podman") else program


def _following(word: bytes, low: bytes, before: bytes, program: bytes) -> Pattern | None:
    """What precedes a secret in the next argument; None if none is to be expected."""
    is_name = OPTION.fullmatch(low) or (before and low == b"password") or (before == b"set" and NAME.fullmatch(low))
    is_name = is_name or low.endswith(b"extraheader")
    if is_name:
        return _ALL
    for option, preceding in _NEXT.get(program, ()):
        if option.fullmatch(word):
            return preceding
    return _LOGIN if word in _LOGIN_OPTIONS else None


def _without(word: bytes, *, is_script: bool) -> bytes:
    """One argument: after the name of a secret all of it is hidden, inside a script one word or line."""
    low = word.lower().decode("latin-1")
    if not any(hint in low for hint in HINTS):
        return word
    clean = hide_logins(word)
    name = None if is_script else ARGUMENT.search(clean.lower())
    if not name or _NOT_A_NAME.search(clean, 0, name.start()):
        return hide(clean, SCRIPT)
    return hide(clean[: name.end()], SCRIPT) + (HIDDEN if name.end() < len(clean) else b"")
