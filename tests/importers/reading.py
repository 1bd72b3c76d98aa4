"""Imports files without a daemon: what would be sent, as objects."""

import json
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import cast

from tracerd.importers.placing import Placement
from tracerd.importers.run import Imported, Importer, Options

Event = dict[str, object]


@dataclass(frozen=True)
class Read:
    """What came of a file: the events, and what is known of it."""

    imported: Imported
    events: list[Event]

    def of(self, *phases: str) -> list[Event]:
        """The events of these phases."""
        return [event for event in self.events if event["ph"] in phases]

    def names(self) -> list[str]:
        """The names of all spans, sorted."""
        return sorted(str(event["name"]) for event in self.of("X", "b", "B"))

    def span(self, name: str) -> Event:
        """The only span of this name."""
        (found,) = [event for event in self.of("X", "B") if event["name"] == name]
        return found

    def rows(self) -> int:
        """How many threads have a span."""
        return len({(event["pid"], event["tid"]) for event in self.of("X")})

    def process(self, event: Event) -> str:
        """The name of an event's process."""
        (name,) = [named for named in self.of("M") if named["name"] == "process_name" and named["pid"] == event["pid"]]
        return str(args(name)["name"])

    def start_s(self, event: Event) -> float:
        """When it began, in seconds since 1970; the trace must count from there."""
        assert self.imported.clock == "wall"
        shift_ns = self.imported.first_ns - self.imported.timeline.first_ns - self.imported.timeline.base_ns
        return float(str(event["ts"])) / 1e6 - shift_ns / 1e9


def args(event: Event) -> dict[str, object]:
    """The args of an event; empty without any."""
    found = event.get("args", {})
    assert isinstance(found, dict)
    return cast("dict[str, object]", found)


def read(path: Path, options: Options | None = None) -> Read:
    """Import a file into a new trace; whatever the file, no span of a row is cut by another."""
    sent: list[bytes] = []
    importer = Importer(options or Options(), Placement(), lambda _: None, is_new=True)
    imported = importer.read(str(path), sent.append)
    found = Read(imported, [json.loads(line) for line in b"".join(sent).splitlines()])
    assert cut(found.of("X")) == []
    return found


def cut(spans: list[Event]) -> list[Event]:
    """The spans that end after a span of their row in which they began: Perfetto would cut them short."""

    def number(span: Event, key: str) -> Decimal:
        return Decimal(str(span[key]))

    found: list[Event] = []
    open_until: dict[tuple[object, object], list[Decimal]] = defaultdict(list)
    for span in sorted(spans, key=lambda span: (number(span, "ts"), -number(span, "dur"))):
        begin = number(span, "ts")
        ends = open_until[span["pid"], span["tid"]]
        while ends and ends[-1] <= begin:
            ends.pop()
        if ends and begin + number(span, "dur") > ends[-1]:
            found.append(span)
        ends.append(begin + number(span, "dur"))
    return found


def counted(path: Path) -> str:
    """How many spans of a file come, and how many events are left out as too long."""
    importer = Importer(Options(), Placement(), lambda _: None, is_new=True)
    timeline = importer.read(str(path), lambda _: None).timeline
    return f"{timeline.counts()['span']} {sum(timeline.left_out.values())}"


def read_text(directory: Path, text: str | bytes) -> Read:
    """Import a file of this text."""
    path = directory / "file"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read(path)
