"""Trackers and their metrics, as tests write them."""

import json
from collections.abc import Iterable
from typing import Any

import pytest

from tracerd.query.tracker import Tracker

DAY_MS = 86_400_000

SAME, DIFFERENT = "same", "different"
"""What a case is in tracen."""

Event = dict[str, object]


def event(event_id: str, ts: int, /, **payload: object) -> Event:
    return {"event_id": event_id, "ts": ts, "payload": payload}


def compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def metrics(text: str, *payloads: Event, fields: str = "", derive: str = "", times: list[int] | None = None) -> Any:
    """What `m` is, of events with these payloads."""
    tracker = Tracker.parse(
        f"tracker t {{\n fields {{ {fields} }}\n derive {{ {derive} }}\n metrics {{ m = {text} }}\n}}"
    )
    stamps = times or range(len(payloads))
    events = [event(f"e{at}", ts, **payload) for at, (ts, payload) in enumerate(zip(stamps, payloads, strict=True))]
    found: Any = tracker.compute(events)["metrics"]
    return found["m"]


def exactly(got: object, expected: object) -> None:
    """Equal, and an int where an int is meant: that is what JSON shows."""
    assert compact(got) == compact(expected)


def marked(cases: Iterable[tuple[Any, ...]]) -> list[Any]:
    """Cases without their mark, which is in their name."""
    return [pytest.param(*case, id=f"{mark} {number}") for number, (mark, *case) in enumerate(cases)]
