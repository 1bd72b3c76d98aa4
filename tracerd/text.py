"""Text from a client, made harmless for a terminal or a log."""


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
