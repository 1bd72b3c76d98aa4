"""A JSON document of events as lines, as a log has them: so all that reads logs reads documents too.

Documents are read as leniently as Perfetto reads them: see `brackets` for what may be wrong around events. Inside them,
control characters in strings become escapes here; `nan` and the like are for the reader of lines, as in a log.
"""

import re
import zlib
from collections.abc import Iterable, Iterator
from typing import Final

from tracerd.core.lines import check_line, check_run
from tracerd.rows.elements import Elements
from tracerd.store.log import BLOCK_BYTES

GZIP_MAGIC: Final = b"\x1f\x8b"

_GZIP = 31  # zlib's word for: with the header of gzip
_CONTROLS = bytes(range(32))
_TO_BLANKS = bytes.maketrans(b"\t\n\r", b"   ")
_CONTROL = re.compile(rb"[\x00-\x1f]")
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)


class Document(Elements):
    """A document to be read once; the arguments and attributes are those of `Elements`."""

    def blocks(self) -> Iterator[bytes]:
        """Its events in blocks of whole lines, about BLOCK_BYTES each. Elements that are no objects are lines, too."""
        blocks: list[bytes] = []
        size = 0
        for elements in self:
            block = b"\n".join(elements) + b"\n"
            if len(block) - len(block.translate(None, _CONTROLS)) > len(elements):
                block = b"".join(_one_line(bytes(element)) + b"\n" for element in elements)
            blocks.append(block)
            size += len(block)
            if size >= BLOCK_BYTES:
                yield b"".join(blocks)
                blocks, size = [], 0
        if blocks:
            yield b"".join(blocks)


def _one_line(element: bytes) -> bytes:
    return _STRING.sub(_escaped, element).translate(_TO_BLANKS)


def _escaped(string: re.Match[bytes]) -> bytes:
    return _CONTROL.sub(lambda control: b"\\u%04x" % control[0][0], string[0])


def repaired(block: bytes) -> bytes:
    """A block of which each line that can be repaired is; the others stay as they are."""
    if check_run(block) is not None:
        return block
    lines = block.removesuffix(b"\n").split(b"\n")
    checked = ((line, check_line(line.strip(b" \t\r"))) for line in lines)
    return b"".join((good if isinstance(good, bytes) else line) + b"\n" for line, good in checked)


class Decompressed:
    """Iterates over the bytes of a gzip file, in pieces; what is not gzip stays as it is.

    Attributes:
        problem: Why it ends too early, as words that follow a name; empty if it does not. Known at the end.
    """

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self.problem = ""
        self._pieces = iter(pieces)

    def __iter__(self) -> Iterator[bytes]:
        """Take the bytes; once."""
        first = self._enough(b"")
        if first.startswith(GZIP_MAGIC):
            yield from self._decompress(first)
        elif first:
            yield first
            yield from self._pieces

    def _enough(self, first: bytes) -> bytes:
        """This and what follows, until it shows whether it is gzip."""
        while len(first) < len(GZIP_MAGIC) and (more := next(self._pieces, b"")):
            first += more
        return first

    def _decompress(self, piece: bytes) -> Iterator[bytes]:
        member = zlib.decompressobj(_GZIP)
        try:
            while True:
                if text := member.decompress(piece, BLOCK_BYTES):
                    yield text
                if member.eof:  # what follows is in `unused_data`, and may be in `unconsumed_tail` as well
                    piece = self._enough(member.unused_data)
                    if not piece.startswith(GZIP_MAGIC):  # padding, as gzip itself ignores it
                        return
                    member = zlib.decompressobj(_GZIP)
                elif text:
                    piece = member.unconsumed_tail
                elif not (piece := next(self._pieces, b"")):
                    break
        except zlib.error:
            self.problem = "is damaged"
        else:
            self.problem = "is cut off"
