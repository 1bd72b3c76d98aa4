"""Text for people: what comes from a client, made harmless for a terminal or a log; and numbers."""


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


def size_text(size: float) -> str:
    """A number of bytes, rounded: `999 B`, `1.5 kB`, `2.0 GB`."""
    if size < 1000:
        return f"{size:.0f} B"
    for unit in ("kB", "MB", "GB"):
        size /= 1000
        if size < 999.95:
            return f"{size:.1f} {unit}"
    return f"{size / 1000:.1f} TB"
