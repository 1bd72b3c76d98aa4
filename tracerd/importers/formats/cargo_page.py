"""The page of `cargo build --timings`: a span a unit, with its frontend and codegen inside, and a date of its start."""

import re
from typing import Final

from tracerd.importers.fields import (
    decoded,
    fields,
    items,
    nanoseconds,
    number,
    objects,
    text,
    texts,
    wall_ns,
    without_empty,
)
from tracerd.importers.head import Head
from tracerd.importers.source import CUT_OFF, Source
from tracerd.importers.timeline import Clock, Timeline
from tracerd.importers.tree import Tree
from tracerd.rows.document import Document

_SECOND: Final = 1_000_000_000
_UNITS: Final = re.compile(rb"UNIT_DATA\s*=\s*(?=\[)")
_START: Final = re.compile(rb"Build start:\s*</td>\s*<td>([^<]{1,64})<")


def fits(head: Head) -> bool:
    """Whether a file that begins so is a page of cargo's timings."""
    return (
        head.text[:200].lower().lstrip().startswith((b"<html", b"<!doctype html"))
        and b"Cargo Build Timings" in head.text
    )


def read(source: Source, timeline: Timeline) -> None:
    """Read a file."""
    timeline.tool = "cargo"
    page = source.whole()
    started = _START.search(page)
    base_ns = wall_ns(started[1].decode(errors="replace")) if started else None
    if base_ns is not None:
        timeline.clock = Clock.WALL
        timeline.base_ns = base_ns
    timeline.process("", "cargo build")
    tree = Tree(timeline)
    if units := _UNITS.search(page):
        document = Document([page[units.end() :]])
        for block in document.blocks():
            for unit in objects([decoded(line) for line in block.splitlines()]):
                _unit(unit, timeline, tree)
    if not page.rstrip().endswith(b"</html>"):
        source.problem = source.problem or CUT_OFF
    tree.put()


def _unit(unit: dict[str, object], timeline: Timeline, tree: Tree) -> None:
    start_ns, dur_ns = nanoseconds(unit.get("start"), _SECOND), nanoseconds(unit.get("duration"), _SECOND)
    if start_ns is None:
        timeline.left_out["units without a start"] += 1
        return
    key = number(unit.get("i"))
    name = f"{text(unit.get('name'))} {text(unit.get('version'))}{text(unit.get('target'))}"
    args = without_empty(mode=unit.get("mode"), features=texts(unit.get("features")))
    tree.span("", key, None, name, start_ns, dur_ns, args, cat="unit", rows="units")
    for section in items(unit.get("sections")):
        label, times = (text(items(section)[0]), fields(items(section)[-1])) if items(section) else ("", {})
        begin_ns, end_ns = nanoseconds(times.get("start"), _SECOND), nanoseconds(times.get("end"), _SECOND)
        if begin_ns is not None and end_ns is not None and label:
            at_ns = start_ns + begin_ns
            tree.span("", (key, label), key, label, at_ns, end_ns - begin_ns, cat="section", rows="units")
