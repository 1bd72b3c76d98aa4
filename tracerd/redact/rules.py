"""The rules: what is a secret, as patterns over bytes.

A rule is a pattern whose last group is the secret, with the words of which one must be there for it to match; it is
compiled when one is. Patterns work on bytes, most on a lower-case copy of the same length, because the search for a
plain word is many times faster than one that ignores case.

They are linear by two habits, which a test checks: none begins with a repetition, and a repetition without a bound is
possessive, so what it has read is not read again. Where much is read, a class of characters names its
blanks one by one, and is a look-up in one table then.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

HIDDEN = b"***"


class Rule(NamedTuple):
    """One kind of secret."""

    words: tuple[bytes, ...]
    """Of these one must be there, in capitals or not."""
    pattern: bytes
    """Its last group is the secret."""
    cased: bool = False
    """Whether it sees capitals; otherwise every letter is a small one."""


STEMS = (
    b"password", b"passwd", b"passphrase", b"pwd", b"token", b"secret", b"credential", b"authorization", b"cookie",
    b"bearer", b"extraheader", b"key",
)  # fmt: skip
"""What the names of secrets end in."""

_KEYS = (
    b"access account api app auth client consumer deploy encryption license master private secret shared signing ssh "
    b"storage"
).split()

_LAST = b"".join(sorted({kind[-1:] for kind in _KEYS}))

_CONDITIONS = {
    # An access key is a secret, the key of a cache is none. One letter tells most of the others.
    b"key": b"(?:(?<=[%s]key)(?:%s)|(?<=[_-]key)(?<=[%s].key)(?:%s))"
    % (
        _LAST,
        b"|".join(b"(?<=%skey)" % kind for kind in _KEYS),
        _LAST,
        b"|".join(b"(?<=%s.key)" % kind for kind in _KEYS),
    ),
    b"pwd": b"(?!=/)",  # the working directory
    b"token": rb"(?<!expected token)(?!s[\\\"']{0,2}[ \t]{0,8}[=:][ \t]{0,8}\d)",  # of a parser; a number of them
}

# A possessive group that can fail on its way ends with `(?!)`, for Python before 3.11.5 (python/cpython#106052).
_SUFFIX = rb"s?+(?:[_-]?+(?:value|\d{1,9}+)|(?!))?+"
_BLANKS = rb"[ \t]{0,8}+"
_QUOTES = rb"[\\\"'\[\]]{0,8}+" + _BLANKS
_GAP = rb"(?:\s|\\\n|\xc2\xa0){1,16}"
_OPTION = rb"-(?<![\w.-]-)-?"

_PLAIN = rb"""[^ \t-\r&"'\\,;)}\]]++"""
_WORD = (
    rb"(" + _PLAIN + rb"""(?!["'\\,;)}\]])|(?:""" + _PLAIN + rb"""|"(?:[^"\\\n]++|\\.)*+"?+|'[^'\n]*+'?+|\\."""
    rb"""|[,;)}\]](?<!["'].)(?![\s"'\\,;)}\]]|\Z)|(?!))++)"""
)
"""A word of a shell, without the punctuation that follows it; most are plain to their end."""

_VALUE = b"((?:" + _WORD[1:-1] + rb")(?:(?<=:)[ \t]{1,8}+(?:" + _WORD[1:-1] + b")|(?!))?+)"
"""A word; if that is a name with a colon, what it names, too."""

_LINE = rb"([^\s][^\r\n]*+)"


def _named(name: bytes, separator: bytes, value: bytes) -> bytes:
    return name + _SUFFIX + _QUOTES + separator + _BLANKS + value


def _option(names: Iterable[bytes]) -> bytes:
    name = rb"[\w.-]{0,64}?(?:" + b"|".join(names) + b")" + _SUFFIX
    end = rb"[\"',\]]{0,4}+"
    return _OPTION + rb"(?=[\w.-]++" + end + rb"[\s\\\xc2])" + name + end + _GAP + _WORD  # no gap, no search for a name


def _known(prefix: bytes, rest: bytes, pattern: bytes = b"") -> Rule:
    """What begins with a prefix that its maker chose to be recognised by."""
    pattern = pattern or re.escape(prefix)
    return Rule((prefix.lower(),), pattern + rb"(?<![\w-]" + pattern + b")" + rest, cased=True)


def _variable(stem: bytes) -> Rule:
    """As environment variables are written."""
    return Rule((stem.lower() + b"=",), stem + b"(?<![A-Za-z]" + stem + b")=" + _WORD, cased=True)


_ANYWHERE = (
    Rule(
        (b"private key",),
        rb"-----begin [a-z0-9 ]{0,40}private key(?: block)?-----((?:[^-]|-(?!----end )|(?!))++)",
    ),
    *(
        Rule(
            (b"key=", b"pass=", b"auth=", b"sig=", b"signature="),
            begin + rb"[\w.-]{0,40}?(?:key|pass|auth|sig|signature)=([^\s&\"'<>#\\]++)",
        )
        for begin in (rb"\?", b"&")
    ),
    _known(b"sk-", rb"(?=[a-z_-]{0,64}[A-Z0-9])([\w-]{20,}+)"),
    _known(b"gh", rb"([A-Za-z0-9]{20,}+)", b"gh[opsur]_"),
    _known(b"github_pat_", rb"(\w{20,}+)"),
    _known(b"glpat-", rb"([\w.-]{16,}+)"),
    _known(b"AIza", rb"([\w-]{30,}+)"),
    _known(b"AKIA", rb"([A-Z0-9]{16})(?![A-Z0-9])"),
    _known(b"ASIA", rb"([A-Z0-9]{16})(?![A-Z0-9])"),
    _known(b"xox", rb"([\w-]{10,}+)", b"xox[abeprs]-"),
    _known(b"SG.", rb"([\w-]{16,}+\.[\w-]{16,}+)"),
    _known(b"npm_", rb"([A-Za-z0-9]{30,}+)"),
    _known(b"hf_", rb"([A-Za-z0-9]{30,}+)"),
    _known(b"k_live_", rb"([A-Za-z0-9]{16,}+)", b"[rs]k_live_"),
    _known(b"pypi-", rb"([\w-]{40,}+)"),
    _known(b"eyJ", rb"([\w-]{8,}+(?:\.[\w-]*+){2,4})"),  # JSON web tokens
    Rule((b"extraheader",), rb"extraheader[ \t]{0,8}[=:][ \t]{0,8}[\\\"']{0,2}([^\\\r\n\"']++)"),  # a header of git's
    Rule((b"sshpass",), rb"sshpass[ \t]{1,8}-p[ \t]{0,8}" + _WORD),
    Rule((b"--from-literal",), rb"--from-literal(?:=|\s{1,8})[^\s=]{1,64}=" + _WORD),
    Rule(  # a login, but no pair of numbers
        (b"-u",),
        _OPTION + rb"(?:u|user|proxy-user)[\s=]{1,8}([\"'])?(?!\d{1,9}:\d{1,9}(?!\S))[^\s:\"'=]{1,64}:"
        rb"((?(1)[^\n\"']++|(?:" + _WORD[1:-1] + b")))",
    ),
)

TEXT = (
    *_ANYWHERE,
    Rule((b"earer ",), rb"earer(?<=\b[Bb]earer) {1,8}(?=[a-z._~+/=-]{0,64}[A-Z0-9])([\w.~+/=-]{16,}+)", cased=True),
    Rule(  # base64 of printable characters
        (b"asic ",),
        rb"asic(?<=\b[Bb]asic) {1,8}((?:[I-Za-f][C-HS-Xi-nyz0-3][ABEFIJMNQRUVYZcdghklopstwx014589][\w+/]|(?!)){2,}+"
        rb"(?:[\w+/]{4}|[\w+/]{2,3}={1,2}))(?![\w+/])",
        cased=True,
    ),
    *(Rule((stem,), _named(stem, b":", _LINE)) for stem in (b"authorization", b"cookie")),
    *(
        Rule((stem,), _named(stem + _CONDITIONS.get(stem, b""), rb"(?:[+:?]?=>?(?!=)|:(?![:/]))", _VALUE))
        for stem in STEMS
    ),
    Rule((b"password>", b"passwd>", b"token>", b"secret>"), rb"(?:password|passwd|token|secret)>([^<>]++)</"),
    *(_variable(stem) for stem in (b"KEY", b"PASS", b"AUTH")),
    Rule(STEMS, _option(stem + _CONDITIONS.get(stem, b"") for stem in STEMS)),
)

_COMMAND_STEMS = (*STEMS[:3], b"passin", b"passout", b"pass", *STEMS[3:], b"auth")
_COMMAND_NAME = b"(?:" + b"|".join(_COMMAND_STEMS) + b")"
_ASSIGNED = rb"[+:?]?==?>?"
_COLON = rb":(?!:|//)"

SCRIPT = (
    *_ANYWHERE,
    Rule(_COMMAND_STEMS, _named(_COMMAND_NAME, _COLON, _LINE)),
    Rule(_COMMAND_STEMS, _named(_COMMAND_NAME, _ASSIGNED, _WORD)),
    Rule(_COMMAND_STEMS, _option(_COMMAND_STEMS)),
    Rule(
        (b"stdin",),
        rb"echo[ \t]{1,8}(?:-n[ \t]{1,8})?" + _WORD + rb"(?=[^|\n]{0,64}\|[^|\n]{0,256}--?pass[\w-]{0,16}stdin)",
    ),
    Rule((b"bearer ", b"basic "), rb"\b(?:bearer|basic) {1,8}" + _WORD),
)
"""In a command line more names are those of secrets, and after a colon the rest of the line is hidden."""

ARGUMENT = re.compile(
    _COMMAND_NAME + _SUFFIX + rb"[\[\]]{0,8}[ \t]{0,8}(?:" + _ASSIGNED + b"|" + _COLON + rb")[ \t]{0,8}"
)
"""The name of a secret and what separates it from its value."""

OPTION = re.compile(rb"--?[\w.-]{0,64}?(?:" + _COMMAND_NAME + _SUFFIX + rb"|(?<=-)(?:pin|otp)|password[a-z]{1,8})")
"""All of an option whose value is the next argument."""

NAME = re.compile(
    rb"[\w.-]{0,64}?(?:" + b"|".join(stem + _CONDITIONS.get(stem, b"") for stem in STEMS) + b")" + _SUFFIX
)
"""All of a name of JSON."""


_WORDS = {word.decode(): word for word in sorted({word for rule in (*TEXT, *SCRIPT) for word in rule.words}, key=len)}
_LONG = 10_000


def _words_in(low: bytes) -> set[bytes]:
    """The words of the rules that are in a text of small letters."""
    text = low.decode("latin-1")  # in bytes, `in` takes ten times as long for a short text
    if len(text) < _LONG:
        return {_WORDS[word] for word in _WORDS if word in text}
    found: set[bytes] = set()
    absent: list[str] = []
    # A search takes all of the text: a letter is found faster, and a part may be known to be absent.
    for word in _WORDS:
        if any(part in word for part in absent):
            continue
        if all(letter in text for letter in word) and word in text:
            found.add(_WORDS[word])
        else:
            absent.append(word)
    return found


def hide(data: bytes, rules: Iterable[Rule]) -> bytes:
    """`data` without what the rules find; the same object if they find nothing."""
    low = data.lower()
    if not (there := _words_in(low)):
        return data
    for words, pattern, cased in rules:
        if there.isdisjoint(words):
            continue
        compiled = re.compile(pattern, re.DOTALL)
        found = compiled.finditer(data if cased else low)
        hidden = replaced(data, [match.span(compiled.groups) for match in found])
        if hidden is not data:
            data, low = hidden, hidden.lower()
    return data


QUOTED = re.compile(rb"""(\\?["']).*\1""", re.DOTALL)
"""All of a secret that is in quotes; matched once against each."""


def replaced(data: bytes, spans: Iterable[tuple[int, int]]) -> bytes:
    """Each span becomes the mark; quotes around it stay. Without a span the same object is returned."""
    kept: list[bytes] = []
    at = 0
    for start, end in spans:
        quoted = QUOTED.fullmatch(data, start, end) if data[start] in b"\\\"'" else None
        quote = len(quoted[1]) if quoted else 0
        kept.append(data[at : start + quote])
        at = end - quote
    return HIDDEN.join((*kept, data[at:])) if kept else data
