"""Text: any string, as bytes to the rules and back, with lone surrogates and undecodable bytes kept."""

from tracerd.redact.rules import TEXT, hide
from tracerd.redact.urls import hide_logins


def redacted(value: str) -> str:
    """`value` without its secrets."""
    data = encode(value)
    hidden = hide(hide_logins(data), TEXT)
    return value if hidden is data else decode(hidden)


def encode(value: str) -> bytes:
    """Any string, even one that is not valid Unicode."""
    return value.encode("utf-8", "surrogatepass")


def decode(data: bytes) -> str:
    """The string that was encoded; a character that a secret's end has cut is replaced."""
    return data.decode("utf-8", "surrogatepass")
