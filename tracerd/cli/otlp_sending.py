"""`tracerd export --otlp URL`: traces to a collector, and where to go on if it ends before it is done."""

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from tracerd.errors import ExportError
from tracerd.text import plural, printable

if TYPE_CHECKING:
    from collections import Counter

    from tracerd.exporters.otlp import Batch
    from tracerd.exporters.otlp_http import Sender
    from tracerd.exporters.otlp_request import Item, Signal
    from tracerd.exporters.tables import Tables
    from tracerd.rows.source import Source

JSON, PROTOBUF = "http/json", "http/protobuf"


def is_url(text: str) -> bool:
    """Whether this names a server and no file."""
    return text.lower().startswith(("http://", "https://"))


@dataclass(frozen=True, slots=True)
class Position:
    """Where an export goes on: what comes before has been sent.

    Attributes:
        trace_id: The trace; empty for the beginning.
        signal: Which signal of it.
        rows: How many rows of that signal come before.
    """

    trace_id: str = ""
    signal: str = ""
    rows: int = 0

    def __str__(self) -> str:
        """As --resume takes it."""
        return f"{self.trace_id}:{self.signal}:{self.rows}"


def position(text: str | None) -> Position:
    """The position that --resume names.

    Raises:
        click.UsageError: It is none.
    """
    from tracerd.exporters.otlp_request import SIGNALS

    if text is None:
        return Position()
    trace_id, _, rest = text.rpartition(":")
    trace_id, _, signal = trace_id.rpartition(":")
    if not trace_id or signal not in {known.name for known in SIGNALS} or not (rest.isascii() and rest.isdecimal()):
        raise click.UsageError("--resume takes what a failed export has printed, such as build-42:traces:3000")
    return Position(trace_id, signal, int(rest[:18]))


def send(
    url: str,
    sources: "Sequence[Source]",
    reading: "Callable[[Sequence[Source]], Iterable[Tables]]",
    *,
    protocol: str,
    header_file: str | None,
    start: Position,
) -> None:
    """Send traces, which `reading` reads, to a collector; the protocol is JSON or PROTOBUF.

    Raises:
        TracerdError: A trace cannot be read, or the collector does not take it.
    """
    from tracerd.exporters.otlp_endpoint import endpoint, headers_of_environ, headers_of_file, timeout_of_environ
    from tracerd.exporters.otlp_http import Sender

    place = endpoint(url)
    headers = headers_of_environ(os.environ) | (headers_of_file(header_file) if header_file else {})
    ids = [source.trace_id for source in sources]
    if start.trace_id:
        if start.trace_id not in ids:
            raise click.UsageError(f"--resume names the trace {printable(start.trace_id)}, which is none of these")
        sources = sources[ids.index(start.trace_id) :]
    encode = _protobuf() if protocol == PROTOBUF else None
    sender = Sender(place, headers, timeout_of_environ(os.environ), encode, lambda text: click.echo(text, err=True))
    reached = start
    try:
        with closing(sender):
            for trace in reading(sources):
                for batch in _after(trace, start):
                    reached = Position(batch.trace_id, batch.signal.name, batch.first)
                    sender.send(batch)
    except BaseException:
        reached = replace(reached, rows=reached.rows + sender.done)
        if reached.trace_id and reached != Position(ids[0], "traces", 0):
            click.echo(f"to go on where this ended, add --resume {printable(str(reached))}", err=True)
        raise
    finally:
        _report(sender, str(place))
    if sender.rejected.total():
        raise ExportError(f"not all was taken: {_counts(sender.rejected)} rejected")


def _after(trace: "Tables", start: Position) -> "Iterable[Batch]":
    """The batches of a trace that are not before a position."""
    from tracerd.exporters.otlp import batches
    from tracerd.exporters.otlp_request import SIGNALS

    names = [signal.name for signal in SIGNALS]
    for batch in batches(trace):
        if batch.trace_id != start.trace_id:
            yield batch
            continue
        later = names.index(batch.signal.name) - names.index(start.signal)
        skipped = 0 if later > 0 else len(batch.rows) if later < 0 else max(start.rows - batch.first, 0)
        if skipped < len(batch.rows):
            yield replace(batch, first=batch.first + skipped, rows=batch.rows[skipped:])


def _protobuf() -> "Callable[[str, Item], bytes]":
    from tracerd.otlp.protobuf import encoded, request_type

    try:
        request_type("traces")
    except ImportError:
        raise ExportError(
            "http/protobuf needs opentelemetry-proto: pip install 'tracerd[otlp]', or use http/json"
        ) from None
    return encoded


def _report(sender: "Sender", where: str) -> None:
    if sender.sent.total() or not sender.rejected.total():
        click.echo(f"sent {_counts(sender.sent)} to {where}", err=True)


def _counts(rows: "Counter[Signal]") -> str:
    some = [plural(count, signal.one) for signal, count in rows.items() if count]
    return " and ".join([", ".join(some[:-1]), some[-1]] if len(some) > 1 else some) or "nothing"
