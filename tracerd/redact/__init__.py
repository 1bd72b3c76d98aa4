"""Secrets out of command lines, texts and lines of JSON: each becomes `***`. Pure, and linear in the input.

docs/telemetry.md has the rules. Most go by names, for a secret itself looks like nothing in particular.
`exec` imports this before its command has started, so the rules, and `re`, are imported for what may need them only.
"""

HIDDEN = "***"

HINTS = (
    "pass", "pwd", "token", "secret", "key", "credential", "auth", "cookie", "earer", "asic ", "://", "-u",
    "-pin", "-otp", "extraheader", "sig=", "signature=", "from-literal",
    "sk-", "gh", "github_pat_", "aiza", "akia", "asia", "xox", "sg.", "npm_", "hf_", "k_live_", "pypi-", "glpat", "eyj",
    "curl", "maria", "mysql", "openssl", "redis", "docker", "podman", "ssh",
)  # fmt: skip
"""In lower case; what holds none of them holds nothing that a rule would hide."""

ESCAPES = ("\\/", "\\u00")
"""How JSON may write a character of a hint; `argv` and `text` take what is decoded."""


def argv(words: list[str]) -> list[str]:
    """A command line, word for word, without its secrets."""
    low = " ".join(words).lower()
    if not any(hint in low for hint in HINTS):
        return words
    from tracerd.redact.command_line import redacted

    return redacted(words)


def text(value: str) -> str:
    """A text without the secrets that their names or forms give away; all else is as it was."""
    from tracerd.redact.strings import redacted

    return redacted(value)


def line(data: bytes) -> bytes:
    """A line of JSON with `text` applied to its strings, and without the values of keys that name a secret.

    A list of strings of which one begins with a dash is a command line.

    A line that holds no secret is returned as it is. In others all else keeps its meaning: numbers keep their digits,
    keys their order, and a repeated key stays. What is no JSON is treated as a text.
    """
    if not may_hold_secret(data):
        return data
    from tracerd.redact.json_line import redacted

    return redacted(data)


def may_hold_secret(data: bytes) -> bool:
    """Whether any line of this JSON has to be examined; false means that `line` would change none."""
    low = data.lower().decode("latin-1")
    return any(hint in low for hint in HINTS) or any(escape in low for escape in ESCAPES)
