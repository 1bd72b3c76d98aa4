"""How commands read a whole trace: the argument TRACE to a recording, with a progress bar when that takes long."""

import gc
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from tracerd.cli.printing import check_stdout
from tracerd.cli.progress import Reading, progress_of
from tracerd.cli.warnings import warn_problem
from tracerd.errors import TracerdError
from tracerd.text import printable

if TYPE_CHECKING:
    from tracerd.builds.steps import Build
    from tracerd.rows.columns import Input
    from tracerd.rows.recording import Recording
    from tracerd.rows.source import Source


def sources_of(directory: Path, named: Sequence[str]) -> "Iterator[Source]":
    """These traces, in this order; without any all of the directory, the one that was written last at the end.

    Raises:
        TracerdError: A trace is not found, or there is none.
    """
    from tracerd.errors import NoSuchTraceError, ViewError
    from tracerd.rows.source import find_trace
    from tracerd.traces.stored import list_logs

    if named:
        yield from [find_trace(directory, name) for name in named]
        return
    is_empty = True
    for log in list_logs(directory):
        try:
            source = find_trace(directory, f"{log.path}")
        except NoSuchTraceError:  # it was removed meanwhile
            continue
        is_empty = False
        yield source
    if is_empty:
        raise ViewError(f"there are no traces in {directory} yet; `tracerd exec CMD` records one")


@contextmanager
def reading_errors(is_named: bool) -> Generator[None]:
    """Report on stderr what cannot be read of one of all traces, and go on with the others.

    Raises:
        TracerdError: A person has named this one.
    """
    try:
        yield
    except TracerdError as error:
        if is_named:
            raise
        click.echo(printable(str(error)), err=True)


class Read(NamedTuple):
    """A trace that was read.

    Attributes:
        trace_id: What it is called.
        recording: What it holds: an event at least.
        build: The processes that `tracerd exec` has recorded in it; None if it is no build, but one command or none.
    """

    trace_id: str
    recording: "Recording"
    build: "Build | None"


def read_trace(
    directory: Path, name: str, inputs: "Sequence[Input]" = (), *, may_be_build: bool = True, running: bool = False
) -> Read:
    """Read the trace that a person means, and warn of what is wrong with it.

    Args:
        directory: The trace directory.
        name: The argument TRACE.
        inputs: The columns and paths of spans that conditions and keys take.
        may_be_build: Whether to look for a build in it.
        running: Whether what has not ended is asked for; then one command is a build too.

    Raises:
        TracerdError: None fits, or more than one, or it cannot be read, or there is no event in it.
    """
    from tracerd.builds.ninja_files import learn
    from tracerd.errors import ViewError
    from tracerd.rows.source import find_trace
    from tracerd.view.whole import read_whole

    check_stdout()
    source = find_trace(directory.absolute(), name)
    with no_gc(), progress_of(source.trace_id) as progress:
        reading = Reading(source, progress, plays=True)
        recording, steps = read_whole(source, inputs, reading.shown, reading.tick, may_be_build=may_be_build)
        build = steps.build(source.now_ns())
        if build:
            learn(build)
    warn_problem(source)
    hint = "; `tracerd check` says why"
    if not recording.events:
        what = f"has no event that Perfetto reads{hint}" if recording.left_out else "has no events"
        raise ViewError(f"the trace {source.trace_id} {what}")
    if recording.left_out:
        lines = "1 line is" if recording.left_out == 1 else f"{recording.left_out} lines are"
        click.echo(f"{printable(source.trace_id)}: {lines} left out{hint}", err=True)
    return Read(source.trace_id, recording, build if build and (build.has_steps or running) else None)


def read_steps(directory: Path, name: str) -> "tuple[str, Build]":
    """Read the processes that `tracerd exec` has recorded in the trace that a person means: its id, and its steps.

    Raises:
        TracerdError: None fits, or more than one, or it cannot be read, or no such process is in it.
    """
    from tracerd.builds.ninja_files import learn
    from tracerd.builds.reader import read_build
    from tracerd.errors import ViewError
    from tracerd.rows.source import find_trace

    check_stdout()
    source = find_trace(directory.absolute(), name)
    with progress_of(source.trace_id) as progress:
        build = read_build(Reading(source, progress).blocks(), source.now_ns())
    warn_problem(source)
    if build is None:
        how = "`tracerd exec --all -- make` records a build"
        raise ViewError(
            f"the trace {source.trace_id} has no process that `tracerd exec` has recorded to its end; {how}"
        )
    learn(build)
    return source.trace_id, build


@contextmanager
def no_gc() -> Generator[None]:
    """Python looks for cycles a million times, where there are none; that takes a fifth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
