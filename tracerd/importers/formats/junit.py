"""JUnit's XML, as many test runners write it: durations, but no start of a test.

Its tests are put one after the other from the start of their suite, which is false for tests that ran at the same time;
the file does not show whether they did.
"""

import re
from datetime import UTC, datetime
from xml.parsers import expat

from tracerd.errors import ImportFileError
from tracerd.importers.fields import nanoseconds, outcome, wall_ns, without_empty
from tracerd.importers.head import Head
from tracerd.importers.source import CUT_OFF, Source
from tracerd.importers.timeline import Clock, Timeline

_SECOND = 1_000_000_000
_MAX_DEPTH = 100
_GROUPED = re.compile(r"\d{1,3}(,\d{3})+\.\d+")
"""Surefire writes `1,234.5`."""

_OUTCOMES = ("failure", "error", "skipped")


def fits(head: Head) -> bool:
    """Whether a file that begins so is XML of tests."""
    return head.text.startswith(b"<") and b"<testsuite" in head.text


def read(source: Source, timeline: Timeline) -> None:
    """Read a file."""
    timeline.tool = "JUnit XML"
    reader = _Reader(timeline)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    try:
        for piece in source.pieces():
            parser.Parse(piece)
        parser.Parse(b"", True)
    except (LookupError, ValueError):  # of Python's codecs, which expat asks
        raise ImportFileError("its encoding cannot be read; convert it to UTF-8, as iconv does") from None
    except expat.ExpatError as error:
        if timeline.size and error.code not in _ENDS_EARLY:
            timeline.notes.append(f"its line {error.lineno} is no XML")
        source.problem = source.problem or CUT_OFF
    if timeline.size:
        timeline.notes.append("the format has no start of a test: they lie one after the other in their suite")


_ENDS_EARLY = (
    expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS],
    expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_TOKEN],
)


def _refuse(*_: object) -> None:
    raise ImportFileError("it declares entities, as no test report does")


class _Suite:
    """A suite that has not ended: where it starts, and where its next test goes."""

    def __init__(self, track: int, start_ns: int) -> None:
        self.track = track
        self.start_ns = start_ns
        self.next_ns = start_ns


class _Reader:
    """Takes the elements."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._suites: list[_Suite] = []
        self._case: dict[str, str] = {}
        self._result = "passed"
        self._next_ns = 0  # for suites without a time
        self._depth = 0
        timeline.process("", "tests")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise ImportFileError("it is nested too deeply")
        if tag == "testsuite":
            self._suites.append(self._begin(attributes))
        elif tag == "testcase":
            self._case, self._result = attributes, "passed"
        elif tag in _OUTCOMES:
            self._result = tag

    def end(self, tag: str) -> None:
        """An element ends."""
        self._depth -= 1
        if tag == "testcase":
            self._test()
        elif tag == "testsuite":
            suite = self._suites.pop()
            if self._suites:
                self._suites[-1].next_ns = max(self._suites[-1].next_ns, suite.next_ns)
            else:
                self._next_ns = max(self._next_ns, suite.next_ns)

    def _begin(self, attributes: dict[str, str]) -> _Suite:
        timeline = self._timeline
        name = attributes.get("name") or "suite"
        number = len(timeline.tracks)
        start_ns = self._suites[-1].next_ns if self._suites else self._next_ns
        stamp = attributes.get("timestamp", "")
        zoned_ns = wall_ns(stamp)
        if not timeline.tracks:
            timeline.clock = Clock.START if zoned_ns is None else Clock.WALL
        if timeline.clock is Clock.WALL:
            start_ns = zoned_ns or start_ns
        elif (local_ns := _without_zone(stamp)) is not None:
            start_ns = local_ns
        suite = _Suite(timeline.track("", f"suite {number}", name), start_ns)
        dur_ns = nanoseconds(attributes.get("time"), _SECOND) or 0
        timeline.span(suite.track, name, start_ns, dur_ns, cat="suite")
        return suite

    def _test(self) -> None:
        time = self._case.get("time", "")
        dur_ns = nanoseconds(time.replace(",", "") if _GROUPED.fullmatch(time) else time, _SECOND)
        if not self._suites or dur_ns is None:
            self._timeline.left_out["tests without a duration"] += 1
            return
        suite = self._suites[-1]
        args = without_empty(
            result=self._result,
            outcome=outcome(self._result),
            classname=self._case.get("classname"),
            file=self._case.get("file"),
        )
        self._timeline.span(suite.track, self._case.get("name") or "?", suite.next_ns, dur_ns, args, "test")
        suite.next_ns += max(dur_ns, 0)


def _without_zone(stamp: str) -> int | None:
    """Of some zone that is not known, so only differences count."""
    try:
        return int(datetime.fromisoformat(stamp).replace(tzinfo=UTC).timestamp()) * _SECOND
    except (ValueError, OverflowError):
        return None
