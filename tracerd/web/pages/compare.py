"""Two traces side by side; until both are chosen, the list to choose from."""

from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

from tracerd.web import comparison, traces
from tracerd.web.pages.asking import as_asked, parameter
from tracerd.web.pages.links import to_trace, with_changes
from tracerd.web.pages.page import page
from tracerd.web.pages.traces import running, shown
from tracerd.web.routing import Asked

PATH: Final = "/compare"

_CHOICES: Final = 50

_BAR: Final = 50
"""How long the longest bar is, to either side."""

_TIMES: Final = (("work_us", "wall_us"), ("total_us", "dur_us"))
"""What JSON calls the time of a group, and that of the whole: of builds, and of spans."""


def _compare(asked: Asked) -> Mapping[str, object]:
    values, given = asked.values, asked.values.given()
    about: dict[str, object] = {"path": PATH, "values": values, "kinds": ("name", "cat", "process")}
    if values.text("a") is None or values.text("b") is None:
        return {**about, "found": None, **_choices(asked)}
    found: Mapping[str, Any] = comparison.ROUTE.answer(as_asked(asked, comparison.ROUTE, given))
    sides = _sides(asked, found)
    swapped = with_changes(PATH, given, a=values.text("b") or "", b=values.text("a") or "")
    return {
        **about,
        "found": found,
        "sides": sides,
        # One that has failed is not faster: it has done less.
        "is_fair": sides[0].get("exitCode") == sides[1].get("exitCode"),
        "rows": _rows(found),
        "swapped": swapped,
        "json": with_changes(comparison.ROUTE.path, given),
    }


def _choices(asked: Asked) -> dict[str, object]:
    """What there is to choose: the other trace, first of those that are called as the one that is chosen."""
    found = traces.in_order_of(asked.store.described(asked.work), "timestamp.desc")
    items = shown(map(traces.item, found), running(asked))
    given = asked.values.given()
    of = {letter: asked.values.text(letter) for letter in "ab"}
    chosen = next((item for item in items if item["id"] in of.values()), None)
    others = [item for item in items if item is not chosen]
    if chosen is not None:
        others.sort(key=lambda item: item["title"] != chosen["title"])
    return {
        "chosen": chosen,
        "others": [
            {**item, "as_a": with_changes(PATH, given, a=item["id"]), "as_b": with_changes(PATH, given, b=item["id"])}
            for item in islice(others, _CHOICES)
        ],
        "is_like": bool(chosen and others and others[0]["title"] == chosen["title"]),
    }


def _sides(asked: Asked, found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Both traces: which they are, how each ended, and how long it took."""
    named = {one.log.trace_id: traces.item(one) for one in asked.store.described(asked.work)}
    now = running(asked)
    sides: list[dict[str, Any]] = []
    for letter in "ab":
        of, trace_id = found[letter], asked.values.text(letter) or ""
        [item] = shown([named[trace_id]], now) if trace_id in named else [{"title": trace_id, "timestamp": None}]
        took_us = next(of[whole] for _, whole in _TIMES if whole in of)
        sides.append({**of, **item, "letter": letter.upper(), "href": to_trace(trace_id), "took_s": took_us / 1e6})
    return sides


def _rows(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each group: its name, its time and its number on both sides, and how much the time has grown."""
    rows: list[dict[str, Any]] = []
    for group in found["groups"]:
        a, b, part = group["a"], group["b"], group["change"]
        before, after = _time_us(a), _time_us(b)
        rows.append(
            {
                "name": group[found["by"]],
                "a_s": None if before is None else before / 1e6,
                "b_s": None if after is None else after / 1e6,
                "counts": (a["count"] if a else 0, b["count"] if b else 0),
                "growth_s": ((after or 0) - (before or 0)) / 1e6,
                "part": part["total"] if isinstance(part, dict) else part,
                "is_new": a is None,
                "is_gone": b is None,
            }
        )
    longest = max((abs(row["growth_s"]) for row in rows), default=0) or 1
    for row in rows:
        width = _BAR * abs(row["growth_s"]) / longest
        row["bar"] = (_BAR if row["growth_s"] > 0 else _BAR - width, width)
    return rows


def _time_us(figures: Mapping[str, Any] | None) -> float | None:
    return None if figures is None else next(figures[name] for name, _ in _TIMES if name in figures)


PAGES: Final = (
    page(
        PATH,
        "compare.html",
        _compare,
        tuple(parameter(comparison.ROUTE, one.name) for one in comparison.ROUTE.parameters),
    ),
)
