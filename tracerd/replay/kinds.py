"""The kinds of findings: how bad each is, what Perfetto counts it as, and how the client is fixed."""

import heapq
from collections import Counter
from enum import StrEnum
from typing import Final, NamedTuple


class Level(StrEnum):
    """How bad it is."""

    ERROR = "error"
    """Perfetto drops it, counts it as a problem, or shows something that is not so."""
    WARNING = "warning"
    """Perfetto shows it in a way that surprises."""


class Kind(NamedTuple):
    """One kind of finding.

    Attributes:
        name: Stable: scripts know it.
        level: How bad it is.
        perfetto: The statistic in which v52 counts it, if it does.
        fix: What the client's author does about it.
    """

    name: str
    level: Level
    perfetto: str | None
    fix: str


class Finding(NamedTuple):
    """Something wrong with a line of a log.

    Attributes:
        line_no: Counted from 1.
        kind: What kind of thing.
        reason: This one, in a line.
    """

    line_no: int
    kind: Kind
    reason: str


class Findings:
    """Findings as they come, in no order.

    Args:
        limit: Keep the first so many of each kind, by line, and count the others; None keeps all.

    Attributes:
        counts: How many there are of each kind.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.counts: Counter[Kind] = Counter()
        self._limit = limit
        self._kept: dict[str, list[tuple[int, int, Finding]]] = {}  # heaps, the last line first

    def add(self, finding: Finding) -> None:
        """Take one more."""
        kind = finding.kind
        self.counts[kind] += 1
        count = self.counts[kind]
        entry = (-finding.line_no, -count, finding)
        heap = self._kept.setdefault(kind.name, [])
        if self._limit is None or count <= self._limit:
            heapq.heappush(heap, entry)
        else:
            heapq.heappushpop(heap, entry)

    def kept(self) -> list[Finding]:
        """What was kept, by line."""
        return sorted(finding for heap in self._kept.values() for _line, _count, finding in heap)


KINDS: Final[dict[str, Kind]] = {}


def _error(name: str, perfetto: str | None, fix: str) -> Kind:
    return KINDS.setdefault(name, Kind(name, Level.ERROR, perfetto, fix))


def _warning(name: str, fix: str) -> Kind:
    return KINDS.setdefault(name, Kind(name, Level.WARNING, None, fix))


# ------------------------------------------------------------------ lines that trace.json leaves out or alters

NOT_JSON = _error("not-json", None, "write one strict JSON object on each line, with a JSON library")
TORN_LINE = _error(
    "torn-line", None, "nothing, if the log is still being written; else its writer was killed: it is cut off"
)
LEFT_OUT = _error("left-out", None, 'write the event as docs/format.md says under "Which events enter"')
BLANK_LINE = _warning("blank-line", "write no blank lines")
REPAIRED = _warning("repaired", "write null for nan and inf, valid UTF-8, and no surrogate escapes")
NULL_VALUE = _warning(
    "null-value", "leave out values that are no number: trace.json does, as Perfetto would count them"
)
GARBLED_NUMBER = _warning(
    "garbled-number", "write integers within 64 bits, at most 18 digits on either side of the point, or a string"
)

# ------------------------------------------------------------------ single events

NEGATIVE_TS = _error(
    "negative-ts", "trace_sorter_negative_timestamp_dropped", "count ts from a moment before the first event"
)
TIME_RANGE = _error(
    "time-range", None, "write microseconds with 3 decimals at most: Perfetto counts nanoseconds, in 64 bits"
)
NEGATIVE_DUR = _error(
    "negative-dur", None, "take both times from a monotonic clock; Perfetto since v58 drops it: slice_negative_duration"
)
ASYNC_WITHOUT_ID = _error("async-without-id", "json_parser_failure", "give b, n and e a pid and an id (or id2)")
COUNTER_WITHOUT_ARGS = _error("counter-without-args", "json_parser_failure", 'give C an object args, as {"value":1}')
EMPTY_COUNTER = _warning("empty-counter", 'give C a number in args, as {"value":1}')
COUNTER_VALUE = _error("counter-value", "json_parser_failure", "write counter values as numbers")
INSTANT_WITHOUT_TID = _error(
    "instant-without-tid", "json_parser_failure", 'give i a tid, or "s":"p" for the process, "s":"g" for all'
)
INSTANT_WITHOUT_PID = _error("instant-without-pid", "json_parser_failure", 'give i with "s":"p" a pid')
BAD_NAME = _error("bad-name", "json_parser_failure", "give args.name as a string that is not empty")
NO_NAME = _warning("no-name", 'give process_name and thread_name "args":{"name":"..."}')
IGNORED_PHASE = _warning("ignored-phase", "use X, B/E, i, C, b/n/e, s/t/f or M; Perfetto since v54 reads T with dur")
ID_RANGE = _warning("id-range", "use numbers below 2^32, such as gettid(); not pthread_self() or threading.get_ident()")
STRING_ID = _warning("string-id", "write pid and tid as numbers, and names with process_name and thread_name")
COARSE_TIME = _warning(
    "coarse-time",
    "count from a later moment, such as CLOCK_MONOTONIC, or write whole microseconds: decimals are read as doubles",
)
NO_PID = _warning("no-pid", "give each event a pid")
TID_ZERO = _warning("tid-zero", "give threads numbers from 1, such as gettid(), and none that is another thread's")

# ------------------------------------------------------------------ spans

OVERLAP = _error(
    "overlap",
    "slice_drop_overlapping_complete_event",
    "let spans of one thread nest, give others a tid of their own or use b/e; if it is rounding, write ts and dur with"
    " 3 decimals (since v57 it is kept, on another row: slice_spill_overlapping_complete_event)",
)
MISPLACED_END = _error(
    "misplaced-end", "misplaced_end_event", "end spans in the reverse order of their begins, or use b/e with ids"
)
TOO_DEEP = _error(
    "too-deep", None, "nest at most 512 spans; Perfetto since v58 drops the others: slice_max_depth_exceeded"
)
END_WITHOUT_BEGIN = _warning(
    "end-without-begin", "write the B (or b) on the same thread (or with the same cat and id), name and cat"
)
NEVER_ENDED = _warning("never-ended", "write the E (or e), also when leaving by an exception; or write X at the end")
ZERO_LENGTH = _warning("zero-length", "write X with dur 0 instead: beside X, Perfetto puts E before B of the same ts")
ASYNC_COLLISION = _warning(
    "async-collision", 'put the pid into the id, or use "id2":{"local":...}, which each process has of its own'
)

# ------------------------------------------------------------------ flows

FLOW_ID = _error("flow-id", "flow_invalid_id", "give s, t and f an id: an integer, or a string of hex digits")
FLOW_DUPLICATE = _error(
    "flow-duplicate", "flow_duplicate_id", "give each arrow an id of its own, of at most 64 bits, and one s"
)
FLOW_WITHOUT_SLICE = _error(
    "flow-without-slice",
    "flow_no_enclosing_slice",
    "write it inside a span, on the span's thread and not before its ts",
)
FLOW_DIRECTION = _error(
    "flow-direction", "flow_without_direction", 'beside bind_id write "flow_out":true or "flow_in":true'
)
BIND_ID = _warning("bind-id", "give bind_id an integer, or a string of hex digits")
FLOW_WITHOUT_START = _warning("flow-without-start", "write the s with the same cat, name and id, at an earlier ts")
FLOW_WITHOUT_END = _warning(
    "flow-without-end", 'begin a span after it on its thread, or write "bp":"e" for the one around it'
)
FLOW_NOT_ENDED = _warning("flow-not-ended", "write an f with the same cat, name and id, at a later ts")

# ------------------------------------------------------------------ whole traces

CLOCKS = _warning("clocks", "let all processes take ts from one clock, CLOCK_MONOTONIC")
BOOTS = _warning("boots", "begin a new trace after a restart of the machine: monotonic clocks began anew")
UNITS = _warning("units", "write ts and dur in microseconds; nanoseconds as decimals, such as 1.234")
PID_REUSED = _warning(
    "pid-reused", "record less in one trace, or in containers of their own: the two are shown as one process"
)
