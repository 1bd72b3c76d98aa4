"""Small traces and what `show` must make of them, computed by hand: `pid/tid`, nesting, name, `ts+dur`, self time."""

import re
from typing import NamedTuple


class Case(NamedTuple):
    """A trace of a few events.

    Attributes:
        name: What it is about.
        events: One a line, in short: `ph name pid/tid ts[+dur]` and JSON for more fields.
        expected: The spans, one a line, indented by two blanks for each span around them.
    """

    name: str
    events: str
    expected: str


CASES = [
    Case("one span", "X a 1/1 10+5", "1/1 a 10+5 self 5"),
    Case(
        "a parent that is written after its children",
        """
        X child 1/1 12+3
        X child 1/1 16+1
        X parent 1/1 10+10
        """,
        """
        1/1 parent 10+10 self 6
          1/1 child 12+3 self 3
          1/1 child 16+1 self 1
        """,
    ),
    Case(
        "only what lies directly in a span takes from its self time",
        "X a 1/1 0+100\nX b 1/1 10+50\nX c 1/1 20+30",
        "1/1 a 0+100 self 50\n  1/1 b 10+50 self 20\n    1/1 c 20+30 self 30",
    ),
    Case(
        "what touches does not nest",
        "X a 1/1 0+5\nX b 1/1 5+5",
        "1/1 a 0+5 self 5\n1/1 b 5+5 self 5",
    ),
    Case(
        "of equal spans the first is around the second",
        "X a 1/1 0+5\nX b 1/1 0+5",
        "1/1 a 0+5 self 0\n  1/1 b 0+5 self 5",
    ),
    Case(
        "begin and end, the end with and without a name",
        "B a 1/1 0\nB b 1/1 2\nE b 1/1 5\nE - 1/1 9",
        "1/1 a 0+9 self 6\n  1/1 b 2+3 self 3",
    ),
    Case(
        "begin and end among complete spans",
        "B a 1/1 0\nX b 1/1 2+3\nB c 1/1 3\nE c 1/1 4\nE a 1/1 9",
        "1/1 a 0+9 self 6\n  1/1 b 2+3 self 2\n    1/1 c 3+1 self 1",
    ),
    Case(
        "a begin without an end, and one before it",
        "B a 1/1 0\nB b 1/1 2\nE b 1/1 5\nX c 1/1 6+4",
        "1/1 a 0 unfinished\n  1/1 b 2+3 self 3\n  1/1 c 6+4 self 4",
    ),
    Case("an end without a begin", "E a 1/1 0\nX b 1/1 1+1", "1/1 b 1+1 self 1"),
    Case(
        "an unfinished child takes nothing from its parent",
        "B a 1/1 0\nB b 1/1 2\nE a 1/1 9",
        "1/1 a 0+9 self 9\n  1/1 b 2 unfinished",
    ),
    Case(
        "an end in the wrong order comes too late",
        "B a 1/1 0\nB b 1/1 2\nE a 1/1 5\nE b 1/1 9",
        "1/1 a 0+5 self 2\n  1/1 b 2+3 self 3",
    ),
    Case(
        "a begin is cut where the span around it ends",
        "X a 1/1 0+10\nB b 1/1 4\nX c 1/1 20+1",
        "1/1 a 0+10 self 4\n  1/1 b 4+6 self 6\n1/1 c 20+1 self 1",
    ),
    Case(
        "overlapping spans",
        "X a 1/1 0+10\nX b 1/1 5+10\nX c 1/1 6+2",
        "1/1 a 0+10 self 8\n1/1 b 5+10 self 10 overlaps\n  1/1 c 6+2 self 2",
    ),
    Case(
        "spans of no length",
        "X a 1/1 0+10\nX b 1/1 0+0\nX c 1/1 10+0",
        "1/1 a 0+10 self 10\n  1/1 b 0+0 self 0\n1/1 c 10+0 self 0",
    ),
    Case(
        "threads and processes have spans of their own",
        "X a 1/1 0+10\nX a 1/2 5+10\nX a 2/2 7+1\nX b 1/1 2+1",
        "1/1 a 0+10 self 9\n  1/1 b 2+1 self 1\n1/2 a 5+10 self 10\n2/2 a 7+1 self 1",
    ),
    Case(
        "late lines",
        "E a 1/1 9\nX b 1/1 4+2\nB a 1/1 1",
        "1/1 a 1+8 self 6\n  1/1 b 4+2 self 2",
    ),
    Case(
        "async spans by id, of any thread",
        """
        b a 1/1 0 "id2":{"local":1},"cat":"c"
        b a 1/2 2 "id2":{"local":2},"cat":"c"
        b part 1/1 3 "id2":{"local":1},"cat":"c"
        e part 1/2 5 "id2":{"local":1},"cat":"c"
        e a 1/1 8 "id2":{"local":2},"cat":"c"
        e a 1/2 9 "id2":{"local":1},"cat":"c"
        """,
        "1/- a 0+9 self 7\n  1/- part 3+2 self 2\n1/- a 2+6 self 6",
    ),
    Case(
        "a text of id is no text of id2, but a number is",
        """
        b a 1/1 0 "id":"1","cat":"c"
        b b 1/1 1 "id2":{"global":"1"},"cat":"c"
        e a 1/1 2 "id":"1","cat":"c"
        e b 1/1 3 "id2":{"global":"1"},"cat":"c"
        b n 1/1 4 "id":1,"cat":"c"
        b m 1/1 5 "id2":{"global":1},"cat":"c"
        e m 1/1 6 "id":1,"cat":"c"
        e n 1/1 7 "id2":{"global":1},"cat":"c"
        """,
        "1/- a 0+2 self 2\n1/- b 1+2 self 2\n1/- n 4+3 self 2\n  1/- m 5+1 self 1",
    ),
    Case(
        "async spans with one id for all processes belong to who begins them",
        """
        b a 1/1 0 "id":7,"cat":"c"
        e a 2/2 5 "id":7,"cat":"c"
        b a 2/2 6 "id":7,"cat":"c"
        e a 1/1 8 "id":7,"cat":"c"
        b a 1/1 9 "id":8,"cat":"c"
        """,
        "1/- a 0+5 self 5\n1/- a 9 unfinished\n2/- a 6+2 self 2",
    ),
    Case("a negative duration", "X a 1/1 5+-3\nX b 1/1 20+1", "1/1 a 5 unfinished\n1/1 b 20+1 self 1"),
    Case(
        "nanoseconds are rounded as Perfetto does",
        "X a 1/1 0.0005+1.0014\nX b 1/1 2.5+0.0004",
        "1/1 a 0.001+1.001 self 1.001\n1/1 b 2.5+0 self 0",
    ),
    Case("without a name", "X - 1/1 0+1\nB - 1/1 2", "1/1 [No name] 0+1 self 1\n1/1 [No name] 2 unfinished"),
    Case("instants are no spans", "X a 1/1 0+9\ni x 1/1 3\nC y 1/1 4", "1/1 a 0+9 self 9"),
    Case(
        "without pid or tid",
        "X a -/- 0+1\nX b 5/- 0+1\nX c 5/0 0+1",
        "0/0 a 0+1 self 1\n5/5 b 0+1 self 0\n  5/5 c 0+1 self 1",
    ),
]

_EVENT = re.compile(
    r"(?P<ph>\w) (?P<name>\S+) (?P<pid>\S+)/(?P<tid>\S+) (?P<ts>[-0-9.]+)(?:\+(?P<dur>\S+))?(?: (?P<rest>.*))?"
)


def lines(text: str) -> list[str]:
    """Lines without the indent of the first one."""
    found = [line for line in text.splitlines() if line.strip()]
    indent = len(found[0]) - len(found[0].lstrip())
    return [line[indent:] for line in found]


def log(events: str) -> bytes:
    """The log that a case's events are short for."""
    written: list[str] = []
    for line in lines(events):
        match = _EVENT.fullmatch(line)
        assert match, line
        fields = [f'"ph":"{match["ph"]}"', f'"ts":{match["ts"]}']
        fields += [f'"{key}":{match[key]}' for key in ("pid", "tid") if match[key] != "-"]
        fields += [f'"name":"{match["name"]}"'] if match["name"] != "-" else []
        fields += [f'"dur":{match["dur"]}'] if match["dur"] else []
        fields += [match["rest"]] if match["rest"] else []
        written.append("{" + ",".join(fields) + "}\n")
    return "".join(written).encode()
