r"""A text in events: which lines may hold it, by their bytes, and whether an event does.

Strategy: decoding costs ten times what looking for bytes does, so only lines that may hold the text are decoded. JSON
can be written in many ways: any character as `\u....`, and `/` as `\/`. What every writer does to a text is known
(`"` is written `\"`), so a line that has neither these bytes nor such an escape cannot hold it. Whether one that has
them does is decided by the decoded event. Where that is not certain, as for control characters, all lines are decoded.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from tracerd.rows.event import LOG, Event
from tracerd.store.log import lines_with

_TOKEN: Final = re.compile(rb'"((?:[^"\\]|\\.)*+)"(\s*:)?|[^\s"{}\[\],:]++')
_CONTROL: Final = re.compile("[\x00-\x1f\ufffd]")
_ESCAPE: Final = b"\\u"


class TextSearch:
    """Looks for a text: in the names of events, and in the values in their args, each by itself.

    Args:
        text: The text; an empty one is in all events.
        ignores_case: Whether `A` is found as `a`.
        only_logs: Whether only log events are asked for.
    """

    def __init__(self, text: str, *, ignores_case: bool, only_logs: bool) -> None:
        self._text = text.casefold() if ignores_case else text
        self._fold: Callable[[str], str] | None = str.casefold if ignores_case else None
        self._only_logs = only_logs
        self._is_certain = not _CONTROL.search(text) and bool(text or only_logs)
        literal = json.dumps(self._text, ensure_ascii=False)[1:-1] if text else f'"{LOG}"'
        self._needles: list[bytes] = []
        if literal.isascii() or not ignores_case:
            self._needles.append(literal.encode())
        if "/" in literal:
            self._needles.append(b"\\/")

    def lines(self, block: bytes) -> Iterator[tuple[int, bytes]]:
        """The lines of a block that may hold the text, each with the index at which it begins."""
        ignores_case = self._fold is not None
        is_wide = not self._is_certain or (ignores_case and not block.isascii())
        where = block.lower() if ignores_case else block
        # rfind: in Python 3.11 it takes a tenth of what `in` does, and one byte is found faster than two.
        needles = [needle for needle in self._needles if where.rfind(needle) >= 0]
        if block.rfind(b"\\") >= 0 and block.rfind(_ESCAPE) >= 0:
            needles.append(_ESCAPE)
        if len(needles) == 1 and not is_wide:
            yield from _with(needles[0], where, block)
        elif needles or is_wide:
            yield from self._one_by_one(needles, block)

    def _one_by_one(self, needles: Sequence[bytes], block: bytes) -> Iterator[tuple[int, bytes]]:
        """Those with one of several needles, and those of which their bytes are no proof.

        If case is ignored these are the ones with a letter beyond ASCII: some of these fold to one of ASCII.
        """
        start = 0
        for line in block.removesuffix(b"\n").split(b"\n"):
            where = line if self._fold is None else line.lower()
            if (
                not self._is_certain
                or any(needle in where for needle in needles)
                or (self._fold is not None and not line.isascii())
            ):
                yield start, line
            start += len(line) + 1

    def is_in(self, event: Event) -> bool:
        """Whether an event is asked for, and holds the text."""
        if event.ph == "M" or (self._only_logs and (event.ph != "i" or event.cat != LOG)):
            return False
        if not self._text:
            return True
        fold, text = self._fold, self._text
        if text in (fold(event.name) if fold else event.name):
            return True
        for match in _TOKEN.finditer(bytes(event.args)):
            if match[2] is not None:  # a key
                continue
            token = match[0] if match[1] is None else match[1]
            found = token.decode(errors="replace")
            if b"\\" in token:
                found = str(json.loads(f'"{found}"', strict=False))
            if text in (fold(found) if fold else found):
                return True
        return False


def _with(needle: bytes, where: bytes, block: bytes) -> Iterator[tuple[int, bytes]]:
    """The lines of a block in which a needle is found, in small letters or as they are."""
    for start, found in lines_with(where, needle):
        yield start, block[start : start + len(found)]
