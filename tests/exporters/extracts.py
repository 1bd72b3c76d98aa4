"""Parts of small traces, made without a process."""

import io
import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.replay.test_check_agrees import log_of
from tracerd.exporters.extract import Extract, Wish
from tracerd.exporters.tef import write_extract
from tracerd.rows.source import find_trace
from tracerd.trace_json.export import Sink

Event = dict[str, Any]


def documents(log: bytes, directory: Path, wish: Wish) -> list[bytes]:
    """The files that an extract makes of a log."""
    path = directory / "t.jsonl"
    path.write_bytes(log)
    written: list[io.BytesIO] = []

    @contextmanager
    def sink(number: int) -> Generator[Sink]:
        assert number == len(written) + 1
        written.append(io.BytesIO())
        yield written[-1]

    source = find_trace(directory, str(path))
    snapshot = source.snapshot()
    write_extract(Extract(source, snapshot, lambda: source.blocks(snapshot), wish, lambda _: None, lambda: None), sink)
    return [file.getvalue() for file in written]


def extract(events: list[Event] | bytes, directory: Path, wish: Wish) -> list[Event]:
    """The events that are left, in one file."""
    [document] = documents(events if isinstance(events, bytes) else log_of(events), directory, wish)
    left: list[Event] = json.loads(document)["traceEvents"]
    return left
