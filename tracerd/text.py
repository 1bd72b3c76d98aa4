"""What comes from a client, made harmless for a terminal or a log, as text or as JSON; and numbers."""

import re

# What str.isprintable rejects beyond ASCII and is a control for a terminal or a bidi renderer: C1, marks, embeddings,
# isolates, line and paragraph separators, tags.
_UNSAFE = re.compile("[\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]")


def printable(text: str) -> str:
    r"""`text` with control, bidi and other unprintable characters escaped, and undecodable bytes as `\xNN`."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that os.fsdecode could not decode
        return f"\\x{code - 0xDC00:02x}"
    return character.encode(
        "unicode_escape" if code < 0xD800 or code > 0xDFFF else "ascii", "backslashreplace"
    ).decode()


def encodable(text: str) -> str:
    """A text as UTF-8 can write it, which JSON is in: what it cannot, such as a byte of a file name, is escaped."""
    return text.encode(errors="backslashreplace").decode()


def printable_json(text: bytes) -> bytes:
    r"""JSON, in UTF-8, with `\u....` for each C1 and bidi control and invisible mark; the value is the same."""
    if text.isascii() and b"\x7f" not in text:
        return text
    return _UNSAFE.sub(_json_escape, text.decode(errors="replace")).encode()


def _json_escape(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def size_text(size: float) -> str:
    """A number of bytes, rounded: `999 B`, `1.5 kB`, `2.0 GB`."""
    if size < 1000:
        return f"{size:.0f} B"
    for unit in ("kB", "MB", "GB"):
        size /= 1000
        if size < 999.95:
            return f"{size:.1f} {unit}"
    return f"{size / 1000:.1f} TB"


def plural(count: int, what: str) -> str:
    """A number of things: `1 event`, `2,000 events`."""
    more = "es" if what.endswith("s") else "s"
    return f"{count:,} {what}{'' if count == 1 else more}"
