"""The spans of one track, played on a stack like Perfetto's slice tracker.

A span with a dur must lie wholly inside the one below it, or it is dropped. A begun one (B, b) stays on the stack until
an end of the same name and cat comes, or until something begins after the end of a span that it lies in.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tracerd.replay.kinds import END_WITHOUT_BEGIN, MISPLACED_END, NEVER_ENDED, OVERLAP, TOO_DEEP, ZERO_LENGTH, Finding
from tracerd.replay.observer import NO_PARENT, Record

MAX_DEPTH = 512
PENDING = -1
"""The dur of a begun span; Perfetto takes a real dur of -1 ns for it, too."""

NO_NAME = 0
"""The number of the empty name, which is none."""


class Names(dict[str, int]):
    """Names and cats as numbers, so that an event needs no object for each: `names[text]` is the number of a text."""

    def __init__(self) -> None:
        super().__init__({"": NO_NAME})
        self._texts = [""]

    def __missing__(self, text: str) -> int:
        """Give a text the next number."""
        number = self[text] = len(self._texts)
        self._texts.append(text)
        return number

    def text(self, number: int) -> str:
        """The text of a number."""
        return self._texts[number]

    def shown(self, number: int) -> str:
        """The text as a reason shows it."""
        text = self._texts[number]
        return f'"{text}"' if len(text) <= 60 else f'"{text[:56]}..."'


UNNAMED = "[No name]"
"""What a begun or complete span without a name is called; an end of this name would fit."""


@dataclass(slots=True)
class _Slice:
    ts: int
    dur: int
    name: int
    cat: int
    line_no: int
    is_reported: bool = False  # that it is never ended needs no finding of its own
    at: int = NO_PARENT  # in the record of the track


class SliceStack:
    """The open spans of a track.

    Args:
        names: What the numbers of names stand for.
        report: Called with each finding.
        phases: What the track's begin and end are called.
        record: Gets each span.
    """

    def __init__(
        self,
        names: Names,
        report: Callable[[Finding], None],
        phases: str = "BE",
        record: Record | None = None,
    ) -> None:
        self._names = names
        self._report = report
        self._record = record
        self._begin, self._end = phases[0], phases[1]
        self._stack: list[_Slice] = []
        self._all_pending = True  # if so there is nothing to take away, however much is on the stack
        self._unmatched: list[_Slice] = []  # ends of one ts, that of the last of them

    def __bool__(self) -> bool:
        """Whether there is a span to bind an arrow to; one that has ended will do until the next one begins."""
        return bool(self._stack)

    @property
    def top(self) -> int:
        """What the record calls the topmost span; NO_PARENT if there is none."""
        return self._stack[-1].at if self._stack else NO_PARENT

    def start(self, ts: int, dur: int, name: int, cat: int, line_no: int, *, is_x: bool = False) -> bool:
        """Begin a span, of this dur or PENDING. False if Perfetto drops it, or loses it in the depth."""
        new = _Slice(ts, dur, name, cat, line_no, is_reported=is_x)
        if not self._all_pending and not self._make_room(ts, dur, new):
            self._record_overlapping(new)
            return False
        if len(self._stack) >= MAX_DEPTH:
            self._report(Finding(line_no, TOO_DEEP, f"{self._shown(new)} lies inside {MAX_DEPTH} spans of its thread"))
            self._record_overlapping(new)
            return False
        if self._record is not None:
            parent = self._stack[-1].at if self._stack else NO_PARENT
            new.at = self._record.begun(ts, dur, name, cat, line_no, parent, dur == 0 and not is_x, False)
        self._stack.append(new)
        self._all_pending = self._all_pending and dur == PENDING
        if dur == PENDING and not is_x and self._unmatched:
            self._find_end_before(new)
        return True

    def end(self, ts: int, name: int, cat: int, line_no: int) -> None:
        """End the topmost begun span that fits."""
        if not self._all_pending:
            self._make_room(ts, PENDING, None)
        for at in range(len(self._stack) - 1, -1, -1):
            begun = self._stack[at]
            if begun.dur == PENDING and cat in (NO_NAME, begun.cat) and name in (NO_NAME, begun.name):
                begun.dur = ts - begun.ts
                if self._record is not None:
                    self._record.ended(begun.at, begun.dur, line_no)
                if at == len(self._stack) - 1:
                    self._stack.pop()
                else:
                    self._all_pending = False
                return
        if self._unmatched and self._unmatched[0].ts != ts:
            self._report_unmatched()
        self._unmatched.append(_Slice(ts, PENDING, name, cat, line_no))

    def finish(self) -> None:
        """Report what is left at the end of the trace."""
        self._report_unmatched()
        for begun in self._stack:
            if begun.dur == PENDING and not begun.is_reported:
                reason = f"{self._begin} {self._shown(begun)} is never ended: it is drawn to the end of the trace"
                self._report(Finding(begun.line_no, NEVER_ENDED, reason))

    def _record_overlapping(self, new: _Slice) -> None:
        if self._record is not None:
            is_instant = new.dur == 0 and not new.is_reported
            self._record.begun(new.ts, new.dur, new.name, new.cat, new.line_no, NO_PARENT, is_instant, True)

    def _find_end_before(self, begun: _Slice) -> None:
        """Tell an end that was put before its begin from one without any."""
        for ended in self._unmatched:
            fits = ended.cat in (NO_NAME, begun.cat) and ended.name in (NO_NAME, begun.name)
            if ended.ts == begun.ts and ended.line_no > begun.line_no and fits:
                self._unmatched.remove(ended)
                reason = f"{self._shown(begun)} begins and ends at one ts (E in line {ended.line_no}), and stays open"
                self._report(Finding(begun.line_no, ZERO_LENGTH, reason))
                begun.is_reported = True
                return

    def _report_unmatched(self) -> None:
        for ended in self._unmatched:
            named = f" {self._shown(ended)}" if ended.name else ""
            reason = f"{self._end}{named} ends nothing: no such {self._begin} is open"
            self._report(Finding(ended.line_no, END_WITHOUT_BEGIN, reason))
        self._unmatched.clear()

    def _make_room(self, ts: int, dur: int, new: _Slice | None) -> bool:
        """Take away the spans that have ended. False if the new one overlaps one that has not."""
        stack = self._stack
        inside_begun = False
        all_pending = True
        for at in range(len(stack) - 1, -1, -1):
            old = stack[at]
            if old.dur == PENDING:
                inside_begun = True
                continue
            end = old.ts + old.dur
            if inside_begun:
                if ts <= end:
                    all_pending = False
                    continue
                self._cut(stack[at + 1 :], old)
                del stack[at:]
                inside_begun = False
            elif end < ts or (end == ts and not (old.dur == 0 and dur == 0)):
                stack.pop()
            elif dur != PENDING and ts < end < ts + dur:
                if new:
                    self._report_overlap(new, old)
                return False
            else:
                all_pending = False
        self._all_pending = all_pending
        return True

    def _cut(self, begun: Sequence[_Slice], outer: _Slice) -> None:
        end = outer.ts + outer.dur
        if self._record is not None:
            for cut in begun:
                self._record.ended(cut.at, end - cut.ts, None)
        first = begun[0]
        reason = (
            f"{self._shown(first)} had not ended when {self._shown(outer)} of line {outer.line_no}, in which it began,"
            f" ended: it is cut there"
        )
        self._report(Finding(first.line_no, MISPLACED_END, reason))

    def _report_overlap(self, new: _Slice, old: _Slice) -> None:
        late = new.ts + new.dur - old.ts - old.dur
        reason = (
            f"{self._shown(new)} begins inside {self._shown(old)} of line {old.line_no} and ends"
            f" {late / 1000:g} us after it: it is dropped"
        )
        self._report(Finding(new.line_no, OVERLAP, reason))

    def _shown(self, slice_: _Slice) -> str:
        return self._names.shown(slice_.name)
