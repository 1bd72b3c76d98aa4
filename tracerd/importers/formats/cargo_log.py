"""cargo's log of `-Z build-analysis`: an event a line, and a span a unit, with its two halves inside."""

from dataclasses import dataclass

from tracerd.importers.fields import fields, nanoseconds, text, wall_ns, without_empty
from tracerd.importers.head import Head
from tracerd.importers.source import Source
from tracerd.importers.timeline import Clock, Timeline
from tracerd.importers.tree import Tree

_SECOND = 1_000_000_000


@dataclass(slots=True)
class _Unit:
    """A unit; its times count from the build's start."""

    name: str
    args: dict[str, object]
    start_ns: int | None = None
    rmeta_ns: int | None = None
    end_ns: int | None = None


def fits(head: Head) -> bool:
    """Whether a file that begins so is a log of cargo's."""
    return head.first.keys() >= {"run_id", "timestamp", "reason"}


def read(source: Source, timeline: Timeline) -> None:
    """Read a file."""
    timeline.tool = "cargo"
    timeline.clock = Clock.WALL
    units: dict[object, _Unit] = {}
    base_ns: int | None = None
    for value in source.values():
        line = fields(value)
        written_ns, at_ns = wall_ns(line.get("timestamp")), nanoseconds(line.get("elapsed"), _SECOND)
        if written_ns is not None and at_ns is not None:  # a line is written at its moment, or later
            base_ns = written_ns - at_ns if base_ns is None else min(base_ns, written_ns - at_ns)
        index = line.get("index")
        unit = units.get(index) if isinstance(index, int) else None
        match line.get("reason"):
            case "unit-registered" if isinstance(index, int):
                units[index] = _registered(line)
            case "unit-started" if unit:
                unit.start_ns = at_ns
            case "unit-rmeta-finished" if unit:
                unit.rmeta_ns = at_ns
            case "unit-finished" if unit:
                unit.end_ns = at_ns
            case None:
                timeline.left_out["lines that are no JSON"] += 1
            case _:
                pass
    timeline.base_ns = base_ns or 0
    timeline.process("", "cargo build")
    tree = Tree(timeline)
    for key, unit in units.items():
        _put(key, unit, tree)
    tree.put()


def _registered(line: dict[str, object]) -> _Unit:
    target = fields(line.get("target"))
    package = text(line.get("package_id")).rpartition("#")[2]
    kind = text(target.get("kind"))
    mode = text(line.get("mode"))
    name = f"{package} {text(target.get('name'))} {kind}"
    args = without_empty(mode=mode, package=line.get("package_id"))
    return _Unit(f"{name} (run)" if mode == "run-custom-build" else name, args)


def _put(key: object, unit: _Unit, tree: Tree) -> None:
    start_ns, end_ns, rmeta_ns = unit.start_ns, unit.end_ns, unit.rmeta_ns
    if start_ns is None:  # it was fresh
        return
    dur_ns = None if end_ns is None else end_ns - start_ns
    tree.span("", key, None, unit.name, start_ns, dur_ns, unit.args, cat="unit", rows="units")
    if rmeta_ns is not None and end_ns is not None:
        for name, begin_ns, until_ns in (("frontend", start_ns, rmeta_ns), ("codegen", rmeta_ns, end_ns)):
            tree.span("", (key, name), key, name, begin_ns, until_ns - begin_ns, cat="section", rows="units")
