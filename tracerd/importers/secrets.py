"""A quick check of many lines: whether a secret may be in them. Most have none, and each rule takes a search of a line.

What is found here is for `redact` to decide; what is not found must be nothing that it would hide.
"""

import re
from typing import Final

from tracerd import redact

_ALWAYS: Final = (
    b"passw", b"passphrase", b"pwd", b"token", b"secret", b"credential", b"authorization", b"cookie", b"earer",
    b"asic ", b"eyj", b"akia", b"asia", b"aiza", b"sg.", b"extraheader",
)  # fmt: skip

_BESIDE: Final = {
    b"@": (b"://",),
    b"=": (b"key=", b"pass=", b"auth=", b"sig=", b"signature=", b"from-literal"),
    b"-": (b'"-', b"sk-", b"glpat-", b"pypi-", b"xox", b"-u", b"private key", b"sshpass"),
    b"_": (b"ghp_", b"gho_", b"ghs_", b"ghu_", b"ghr_", b"github_pat_", b"npm_", b"hf_", b"k_live_"),
}
"""What counts only if another character is there, too, which is found much faster."""

_KEY: Final = re.compile(
    b"key(?:%s)"
    % b"|".join(
        b"(?<=%skey)|(?<=%s[_-]key)" % (kind, kind)
        for kind in (
            b"access account api app auth client consumer deploy encryption license master private secret shared "
            b"signing ssh storage"
        ).split()
    )
)
"""The key of a cache is no secret."""

_ESCAPES: Final = tuple(escape.encode() for escape in redact.ESCAPES)
_LOW: Final = bytes(range(256)).lower()
_DIGITS: Final = b"0123456789"
"""No word above has one. Without them most lines of a trace are alike, and are searched once."""


def may_hold_secrets(lines: bytes) -> bool:
    """Whether `redact` must check each of these lines."""
    if any(escape in lines for escape in _ESCAPES):
        return True
    low = b"\n".join(set(lines.translate(_LOW, _DIGITS).split(b"\n")))
    for word in _ALWAYS:
        if word in low:
            return True
    for character, words in _BESIDE.items():
        if character in low and any(word in low for word in words):
            return True
    return b"key" in low and _KEY.search(low) is not None
