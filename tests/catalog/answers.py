"""What the catalogue answers, with a cache and without one."""

from pathlib import Path

import msgspec

from tracerd.catalog.store import Catalog
from tracerd.traces.stored import list_logs

Answer = list[tuple[str, bytes]]


def answer(directory: Path, cache: Path) -> Answer:
    """The summary of each log, as JSON."""
    described = Catalog(directory, cache).described(list_logs(directory))
    return [(one.log.trace_id, msgspec.json.encode(one.summary)) for one in described]


def fresh_answer(directory: Path, place: Path) -> Answer:
    """The same without a cache: what lies at its path is a directory."""
    (place / "no-cache").mkdir(exist_ok=True)
    return answer(directory, place / "no-cache")
