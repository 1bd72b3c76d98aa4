"""A file to be imported: inflated, without its mark of byte order, within a limit, and read once."""

import os
import sys
from collections.abc import Callable, Container, Iterator
from itertools import chain
from typing import BinaryIO, Final

import msgspec

from tracerd.errors import ImportFileError
from tracerd.importers.cut import without_cut
from tracerd.importers.fields import decoded
from tracerd.rows.document import Decompressed, Document
from tracerd.rows.elements import HEAD_BYTES
from tracerd.store.log import BLOCK_BYTES
from tracerd.text import size_text

STDIN: Final = "-"

MAX_DOCUMENT_BYTES: Final = 128 * 1024 * 1024
"""A document that is no array of events is read as a whole."""

MAX_EVENT_BYTES: Final = 2_000_000
"""An event, or another line, that is longer is left out: some copies of it are in memory at once."""

CUT_OFF: Final = "is cut off"

_BOM = b"\xef\xbb\xbf"


class Source:
    """A file.

    Args:
        path: The file; `-` is stdin.
        max_bytes: How much it may be when inflated.
        progress: Called with the size of each piece that was read.

    Attributes:
        name: What to call it.
        head: How it begins: HEAD_BYTES, if it is so long.
        problem: Why it is not whole, as words that follow its name; empty if it is. Known at the end.
        too_long: How many events or lines were left out as too long.
        note: What else the user should know of its shape.
        mtime_ns: When it was last written, in ns since 1970; None for stdin.

    Raises:
        ImportFileError: It cannot be read, or is empty.
    """

    def __init__(self, path: str, max_bytes: float, progress: Callable[[int], object]) -> None:
        self.name = "stdin" if path == STDIN else os.path.basename(path)
        self.problem = ""
        self.too_long = 0
        self.note = ""
        self.mtime_ns: int | None = None
        self._path = path
        self._progress = progress
        self._left = max_bytes
        self._max_bytes = max_bytes
        self._file = self._open()
        self._bytes = Decompressed(self._pieces())
        self._rest = iter(self._bytes)
        try:
            self.head = self._read_head()
        except BaseException:
            self.close()
            raise

    def _read_head(self) -> bytes:
        parts: list[bytes] = []
        size = 0
        while size < HEAD_BYTES and (piece := next(self._rest, b"")):
            parts.append(piece)
            size += len(piece)
        self._take(size)
        head = b"".join(parts).removeprefix(_BOM)
        if not head:
            raise ImportFileError(f"it {self._bytes.problem}" if self._bytes.problem else "it is empty")
        return head

    def pieces(self) -> Iterator[bytes]:
        """Its bytes, in pieces; once."""
        for piece in chain([self.head], self._rest):
            if piece is not self.head:
                self._take(len(piece))
            yield piece
        self.problem = self._bytes.problem

    def lines(self) -> Iterator[bytes]:
        """Its lines, without their ends, and without those that are blank or too long; once.

        A last line that was never ended is left out, unless it is a whole JSON object or array.
        """
        begun: list[bytes] = []  # a line in pieces; nothing of one that is too long
        size = 0
        for piece in self.pieces():
            first, *lines = piece.split(b"\n")
            size += len(first)
            if size <= MAX_EVENT_BYTES:
                begun.append(first)
            else:
                begun.clear()
            if not lines:
                continue
            if size > MAX_EVENT_BYTES:
                self.too_long += 1
            elif line := b"".join(begun).strip():
                yield line
            begun = [lines.pop()]
            size = len(begun[0])
            for line in lines:
                if line := line.strip():
                    yield line
        if size > MAX_EVENT_BYTES:
            self.problem = self.problem or CUT_OFF
        elif rest := b"".join(begun).strip():
            if isinstance(decoded(rest), dict | list):
                yield rest
            else:
                self.problem = self.problem or CUT_OFF

    def line_blocks(self) -> Iterator[bytes]:
        """Its lines in blocks of whole ones, about BLOCK_BYTES each; as `lines` else."""
        block: list[bytes] = []
        size = 0
        for line in self.lines():
            block.append(line)
            size += len(line)
            if size > BLOCK_BYTES:
                yield b"\n".join(block) + b"\n"
                block, size = [], 0
        if block:
            yield b"\n".join(block) + b"\n"

    def values(self) -> Iterator[object]:
        """The elements of the array that it is, else the values of its lines; None for what is no JSON. Once."""
        if not self.head.lstrip().startswith(b"["):
            for line in self.lines():
                yield decoded(line)
            return
        document = self.events()
        for block in document.blocks():
            for line in block.splitlines():
                yield decoded(line)
        self.end(document)

    def events(self, wanted: Container[bytes] = ()) -> Document:
        """Its elements, as `Document` reads them; once, and `end` must follow."""
        return Document(self.pieces(), wanted, MAX_EVENT_BYTES)

    def end(self, document: Document) -> None:
        """Take note of how a document of its bytes has ended: an array needs no `]` after a whole element."""
        self.too_long += document.too_long
        if not document.is_complete:
            self.problem = self.problem or CUT_OFF
        elif not document.is_closed and not self.problem:
            self.note = "its array has no end, but all elements are whole"

    def whole(self) -> bytes:
        """All of it.

        Raises:
            ImportFileError: It is too large.
        """
        parts: list[bytes] = []
        size = 0
        for piece in self.pieces():
            parts.append(piece)
            size += len(piece)
            if size > MAX_DOCUMENT_BYTES:
                raise ImportFileError(f"it is larger than {size_text(MAX_DOCUMENT_BYTES)}, and can only be read whole")
        return b"".join(parts)

    def document(self, *rows: str) -> object:
        """All of it, as one JSON value.

        Args:
            rows: The keys of the arrays whose whole elements are used of a file that is cut off.

        Raises:
            ImportFileError: It is too large, or no JSON.
        """
        whole = self.whole()
        try:
            value: object = msgspec.json.decode(whole)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            if (closed := without_cut(whole, rows)) is None:
                raise ImportFileError(f"it {self.problem or f'is no whole JSON document: {error}'}") from None
            self.problem = self.problem or CUT_OFF
            return decoded(closed)
        return value

    def close(self) -> None:
        """Close it."""
        self._file.close()

    def _open(self) -> BinaryIO:
        if self._path == STDIN:
            if not sys.stdin:
                raise ImportFileError("stdin is closed")
            return open(sys.stdin.fileno(), "rb", closefd=False)
        try:
            file = open(self._path, "rb")  # noqa: SIM115 (closed by `close`)
            self.mtime_ns = os.fstat(file.fileno()).st_mtime_ns
        except IsADirectoryError:
            files = os.path.join(self._path, "*.json")
            raise ImportFileError(f"it is a directory; name the files in it, such as {files}") from None
        except OSError as error:
            raise ImportFileError(error.strerror or str(error)) from None
        return file

    def _pieces(self) -> Iterator[bytes]:
        try:
            while piece := self._file.read(BLOCK_BYTES):
                self._progress(len(piece))
                yield piece
        except OSError as error:
            raise ImportFileError(error.strerror or str(error)) from None

    def _take(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise ImportFileError(f"it is larger than {size_text(self._max_bytes)} inflated; --max-size allows more")
