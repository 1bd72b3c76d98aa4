"""A build: what failed, its summary, what ran at once, and what held up its end."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from tracerd.builds.lanes import NO_PARENT, Slot, place
from tracerd.builds.reader import us
from tracerd.builds.steps import Step
from tracerd.builds.summary import Summary
from tracerd.builds.work import work_ns
from tracerd.text import encodable
from tracerd.view.critical import WAITED
from tracerd.view.summary import facts
from tracerd.web.builds import summary_of
from tracerd.web.pages.links import to_span
from tracerd.web.pages.page import page
from tracerd.web.routing import Asked

WIDTH: Final = 1000
LANE: Final = 16
"""The units of the picture: it is as wide as the page, and a lane has so many pixels."""

MAX_BARS: Final = 2000
MAX_LANES: Final = 64
MAX_FAILED: Final = 20
SHOWN_BELOW: Final = ("failed", "critical path", "open it")
OF_SEVERAL: Final = ("parallel", "slowest", "again")
"""Lines of a summary that the page has elsewhere, and those that say nothing of one step alone."""

COLOURS: Final = 7
"""So many programs have a colour of their own."""


class Bar(NamedTuple):
    """A step in the picture of lanes."""

    x: float
    y: int
    width: float
    colour: int
    state: str
    title: str
    span: str


def span_of(step: Step) -> str:
    """How the address of a page names a step: by its process and its start in us."""
    return f"{step.pid}:{us(step.main.start)}"


def _leaves(summary: Summary) -> list[Step]:
    """The steps that started no others: those around them mostly wait."""
    return [step for step in summary.steps if not step.inner]


def _colours(steps: Iterable[Step]) -> dict[str, int]:
    """The programs that worked longest, each with the number of its colour, from 1."""
    worked: Counter[str] = Counter()
    for step in steps:
        worked[step.program] += work_ns(step)
    return {program: number for number, (program, _) in enumerate(worked.most_common(COLOURS), 1)}


def _bars(summary: Summary, colours: Mapping[str, int]) -> tuple[list[Bar], int]:
    """The picture of what ran at once, and how many lanes it has."""
    build, scale = summary.build, WIDTH / max(summary.wall, 1)
    steps = sorted(_leaves(summary), key=lambda step: (step.start, -step.dur))
    lanes = place([Slot(step.start, max(step.end, step.start + 1), NO_PARENT) for step in steps])
    shortest = sorted((step.dur for step in steps), reverse=True)[:MAX_BARS][-1:]
    path = {link.step for link in summary.path}
    bars = [
        Bar(
            round((step.start - build.start) * scale, 3),
            lane * LANE,
            round(max(step.dur * scale, 0.8), 3),
            colours.get(step.program, 0),
            "failed" if step.outcome else "critical" if step in path else "",
            encodable(step.title),
            span_of(step),
        )
        for step, lane in zip(steps, lanes, strict=True)
        if [step.dur] >= shortest and lane < MAX_LANES
    ]
    return bars, min(max(lanes, default=0) + 1, MAX_LANES)


def _build(asked: Asked) -> Mapping[str, object]:
    trace_id, summary = asked.path["id"], summary_of(asked)
    if summary is None:
        return {"trace_id": trace_id, "name": trace_id, "is_empty": True}
    colours = _colours(_leaves(summary))
    bars, lanes = _bars(summary, colours)
    skipped = SHOWN_BELOW if len(summary.steps) > 1 else (*SHOWN_BELOW, *OF_SEVERAL)
    return {
        "trace_id": trace_id,
        "is_empty": False,
        "is_one": len(summary.steps) == 1,
        "name": encodable(summary.build.name),
        "wall_s": summary.wall / 1e9,
        "facts": [(name, text) for name, text in facts(summary, trace_id) if name not in skipped],
        "failed": [
            {
                "outcome": step.outcome,
                "command": encodable(step.command),
                "cwd": step.main.args.get("cwd"),
                "href": to_span(trace_id, span_of(step)),
            }
            for step in summary.failed[:MAX_FAILED]
        ],
        "failures": len(summary.failed),
        "bars": bars,
        "height": lanes * LANE,
        "legend": [(number, program) for program, number in colours.items()],
        "path": [
            {
                "name": encodable(link.step.title),
                "start_s": (link.step.start - summary.build.start) / 1e9,
                "gap_s": link.gap / 1e9,
                "took_s": link.step.dur / 1e9,
                "part": round(100 * link.step.dur / max(summary.wall, 1)),
                "because": WAITED[link.because],
                "href": to_span(trace_id, span_of(link.step)),
            }
            for link in summary.path
        ],
    }


PAGES: Final = (page("/traces/{id}/build", "build.html", _build),)
