"""`tracerd get-tef`: a trace, or a part of it, as a trace.json; from its file and without the daemon."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracerd import redact
from tracerd.cli.completion import complete_file
from tracerd.cli.conditions import row_condition
from tracerd.cli.options import (
    directory_option,
    layout_option,
    moment,
    redact_option,
    size,
    span_duration,
    trace_argument,
    where_option,
)
from tracerd.cli.printing import print_lines
from tracerd.cli.progress import Progress, Reading, progress_of
from tracerd.cli.reading import no_gc
from tracerd.cli.target import Target, is_stream
from tracerd.cli.warnings import warn_left_out
from tracerd.exec.options import PROCESSES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from tracerd.exporters.extract import Wish
    from tracerd.rows.moment import Moment
    from tracerd.rows.source import Source
    from tracerd.store.snapshot import Snapshot
    from tracerd.trace_json.export import Sink, Summary


@click.command("get-tef")
@trace_argument
@directory_option
@click.option(
    "-o",
    "--output",
    default="-",
    metavar="FILE",
    shell_complete=complete_file,
    help="Where to write; a name ending in .gz compresses. Without it, or with -, stdout.",
)
@click.option("--from", "since", type=moment, metavar="T", help="Leave out what was over before T, see below.")
@click.option("--to", "until", type=moment, metavar="T", help="Leave out what begins at T or later.")
@click.option("--min-dur", type=span_duration, metavar="D", help="Only spans that took D or longer, such as 5ms.")
@click.option("--pid", "pids", multiple=True, metavar="N", help="Only events of this process; may be repeated.")
@click.option("--name", "names", multiple=True, metavar="GLOB", help="Only events whose name matches; may be repeated.")
@click.option(
    "--cat", "cats", multiple=True, metavar="GLOB", help="Only events whose category matches; may be repeated."
)
@where_option("events and spans")
@click.option("--rebase", "rebases", is_flag=True, help="Let times begin at 0.")
@click.option("--close-open", "closes_open", is_flag=True, help="End spans that were never ended, at the last time.")
@click.option(
    "--split-size",
    type=size,
    metavar="SIZE",
    help="Write files of at most SIZE, before they are compressed, such as 500MB: FILE-1.json, FILE-2.json, ...",
)
@redact_option
@layout_option
def get_tef(
    trace: str,
    directory: Path,
    output: str,
    since: "Moment | None",
    until: "Moment | None",
    min_dur: float | None,
    pids: tuple[str, ...],
    names: tuple[str, ...],
    cats: tuple[str, ...],
    where: str | None,
    rebases: bool,
    closes_open: bool,
    split_size: float | None,
    redacts: bool,
    layout: str | None,
) -> None:
    """Write a trace, or a part of it, as a trace.json that Perfetto opens.

    TRACE is a path, a file name, a trace id, an unambiguous prefix of one, `latest`, or `-` for stdin.

    A span is left out or kept as a whole, and the names of processes and threads are always kept.
    EXPR is explained in docs/query.md.
    T is a time such as 2026-11-26T21:24:00Z, a time after the start of the trace such as 1.5s, a time before its end
    such as -5m, or a ts in microseconds.

    With --split-size the files are listed on stdout.
    """
    from tracerd.rows.source import find_trace

    if split_size is not None and is_stream(output):
        raise click.UsageError("--split-size makes several files: give their name with -o FILE")
    is_chosen = names or cats or pids or any(value is not None for value in (since, until, min_dur, where))
    wish = None
    if is_chosen or rebases or closes_open or split_size is not None:
        # Not imported for all of a trace, which takes less time than this import.
        from tracerd.exporters.criteria import Criteria
        from tracerd.exporters.extract import Wish

        criteria = Criteria(since, until, row_condition(where, names, cats, pids, min_dur, is_played=True))
        max_bytes = None if split_size is None else int(split_size)
        wish = Wish(criteria, rebases, closes_open, max_bytes, redact.line if redacts else None)
    if is_chosen and layout is None:
        layout = PROCESSES  # the options choose from the events as they were recorded
    source = find_trace(directory.absolute(), trace)
    target = Target(source, directory, output)
    with progress_of(source.trace_id) as progress:
        if wish is None:
            summary = _write_all(source, target, progress, layout, redacts=redacts)
        else:
            summary = _write_part(source, target, progress, layout, wish)
    warn_left_out(source, summary)


def _redacted(block: bytes) -> bytes:
    return b"\n".join(map(redact.line, block.split(b"\n")))


def _write_all(source: "Source", target: Target, progress: Progress, layout: str | None, *, redacts: bool) -> "Summary":
    from dataclasses import replace

    from tracerd.builds.mentions import may_have_lanes
    from tracerd.speedups import plain_elements
    from tracerd.trace_json.export import ProcessShownError, write_tef

    snapshot = replace(source.snapshot(), transform=_redacted if redacts else None)

    def write(layout: str | None, *, refuses_processes: bool = False) -> "Summary":
        blocks = source.stored_blocks(snapshot) if layout == PROCESSES else _laid_out(source, snapshot, layout)
        read = Reading(source, progress).read
        with no_gc(), target.sink(target.output) as sink:
            return write_tef(
                snapshot, sink, read, blocks, source.verify, is_ahead=True, refuses_processes=refuses_processes
            )

    if layout is None and source.log is not None:
        is_slow = redacts or target.output.endswith(".gz") or not plain_elements
        if not is_slow and not is_stream(target.output):
            # It can be begun anew, which costs less than to look for processes before.
            with suppress(ProcessShownError):
                return write(PROCESSES, refuses_processes=True)
        elif not may_have_lanes(source.stored_blocks(snapshot)):
            layout = PROCESSES
    return write(layout)


def _laid_out(source: "Source", snapshot: "Snapshot", layout: str | None) -> "Iterator[bytes]":
    from tracerd.builds.layout import laid_out
    from tracerd.builds.ninja_files import learn

    return laid_out(source.blocks(snapshot), layout, learn)


def _write_part(source: "Source", target: Target, progress: Progress, layout: str | None, wish: "Wish") -> "Summary":
    from tracerd.exporters.extract import Extract
    from tracerd.exporters.tef import write_extract

    is_split = wish.max_bytes is not None
    paths: list[str] = []

    def sink(number: int) -> "AbstractContextManager[Sink]":
        paths.append(target.numbered(number) if is_split else target.output)
        return target.sink(paths[-1])

    target.check(target.numbered(1) if is_split else target.output)
    source.keep()
    reading = Reading(source, progress, 2 + is_split + (wish.criteria.where is not None), plays=True)
    snapshot = source.snapshot()

    def blocks() -> "Iterator[bytes]":
        return _laid_out(source, snapshot, layout)

    with no_gc():
        extract = Extract(source, snapshot, blocks, wish, reading.read, reading.tick)
        summary = write_extract(extract, sink)
    print_lines(paths if is_split else ())
    return summary
