"""How `tracerd watch` reads traces and brings alerts to stdout and to channels."""

import contextlib
import select
import shlex
import signal
import sys
import time
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import platformdirs

from tracerd.cli.progress import Reading, progress_of
from tracerd.cli.reading import sources_of
from tracerd.cli.warnings import warn_problem
from tracerd.errors import ChannelError, ViewError
from tracerd.text import printable, printable_json

if TYPE_CHECKING:
    from tracerd.query.tracker import Tracker
    from tracerd.watch.alerts import Alert
    from tracerd.watch.channel import Channel
    from tracerd.watch.rules import WatchRule
    from tracerd.watch.sent import Sent

STATUS_S: Final = 1.0
"""How long the daemon may take to say who is connected."""

CONFIG: Final = "watch.toml"


class Output:
    """Where alerts go.

    Attributes:
        channels: Where they go beside stdout.
        sent: What was sent to them before; None to send everything.
    """

    def __init__(self, rules: "Iterable[WatchRule]", *, as_json: bool, with_date: bool) -> None:
        self._as_json = as_json
        self._with_date = with_date
        self._width = max(len(rule.name) for rule in rules)
        self.channels: list[Channel] = []
        self.sent: Sent | None = None

    def print(self, alerts: "Iterable[Alert]") -> None:
        """Print alerts."""
        from tracerd.watch.alerts import json_text

        for alert in alerts:
            if self._as_json:
                line = printable_json(json_text(alert.as_json()).encode())
            else:
                line = alert.text(self._width, with_date=self._with_date).encode(errors="backslashreplace")
            sys.stdout.buffer.write(line + b"\n")
        sys.stdout.buffer.flush()

    def report(self, alerts: "list[Alert]") -> None:
        """Print alerts, and send them."""
        self.send(alerts if self.sent is None or not alerts else self.sent.take(alerts))
        self.print(alerts)

    def send(self, alerts: "list[Alert]") -> None:
        """Send alerts, perhaps none; to be called again and again, for what channels hold back."""
        for channel in self.channels:
            channel.offer(alerts, time.monotonic())


def channels(on_alert: str | None, config: Path | None, *, use_config: bool) -> "list[Channel]":
    """The channels of the options.

    Args:
        on_alert: A command; None for none.
        config: The file of channels; None for the usual one, which need not be there.
        use_config: Whether a file is read at all.

    Raises:
        ChannelError: One is not as it should be.
        UnsafePathError: Others may write the file.
    """
    from tracerd.watch.channel import Channel
    from tracerd.watch.config import channels_of, hook_of

    found: list[Channel] = []
    if on_alert is not None:
        try:
            words = shlex.split(on_alert)
        except ValueError as error:
            raise ChannelError(f"--on-alert: {error}") from None
        found.append(Channel(hook_of(words, "--on-alert", warn), "low", warn))
    if use_config:
        path = config or Path(platformdirs.user_config_dir("tracerd")) / CONFIG
        try:
            found += channels_of(path, warn)
        except FileNotFoundError:
            if config is not None:
                raise ChannelError(f"there is no file {config}") from None
    return found


def sent(identity: Iterable[object], rules: "dict[str, WatchRule]") -> "Sent":
    """What an earlier run with the same arguments, its identity, has sent."""
    from hashlib import sha256

    from tracerd.watch.sent import Sent

    name = sha256("\0".join(map(str, identity)).encode(errors="surrogateescape")).hexdigest()[:16]
    return Sent(Path(platformdirs.user_state_dir("tracerd")) / "watch" / f"{name}.json", rules, warn)


def once_over(
    directory: Path,
    socket: Path,
    traces: tuple[str, ...],
    trackers: "list[Tracker]",
    rules: "dict[str, WatchRule]",
    output: Output,
) -> bool:
    """Report what would have been reported of what is there; whether there was anything.

    Raises:
        TracerdError: A trace is not found, or there is none: CI must not take a wrong directory for a quiet one.
    """
    from tracerd.service.control import ask
    from tracerd.watch.once import alerts_of
    from tracerd.watch.processes import NO_ONE, connected
    from tracerd.watch.trace import programs_of
    from tracerd.watch.traces import NO_PROCESSES

    sources = [*sources_of(directory, traces)]
    clients = connected(lambda: ask(socket, b"STATUS\n", STATUS_S), directory) or NO_ONE
    programs = programs_of(trackers, rules)
    has_fired = False
    for source in sources:
        here = clients.get(source.trace_id, NO_PROCESSES) if source.log is not None else NO_PROCESSES
        with progress_of(source.trace_id) as progress:
            reading = Reading(source, progress)
            alerts = alerts_of(source, reading.blocks, programs, rules, here, time.time_ns() // 1000, warn)
        warn_problem(source)
        output.report(alerts)
        has_fired = has_fired or bool(alerts)
    for channel in output.channels:
        channel.finish()
    return has_fired


def follow(
    directory: Path,
    socket: Path,
    traces: tuple[str, ...],
    trackers: "list[Tracker]",
    rules: "dict[str, WatchRule]",
    output: Output,
) -> None:
    """Watch until Ctrl-C, or until the reader of stdout has gone."""
    from tracerd.rows.source import find_trace
    from tracerd.service.control import ask
    from tracerd.watch.run import POLL_S, Run
    from tracerd.watch.traces import WatchedTraces

    paths: list[Path] = []
    for source in [find_trace(directory, trace) for trace in traces]:
        if source.log is None:
            raise ViewError(f"{source.trace_id} is no log, and nothing is added to it: use --once")
        paths.append(source.log.path)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    traces_ = WatchedTraces(trackers, rules, warn)
    run = Run(directory, paths, lambda: ask(socket, b"STATUS\n", STATUS_S), traces_)
    poller = select.poll()
    poller.register(sys.stdout, 0)  # errors only: a pipe without a reader
    with contextlib.suppress(KeyboardInterrupt), contextlib.closing(run), _stopped(output.channels):
        lasting = run.replay()
        output.print(lasting)
        if output.sent is not None:
            now_us = time.time_ns() // 1000 if run.is_recording else None
            output.send(output.sent.at_start(lasting, traces_.ended, now_us))
        traces_.ended.clear()
        while not poller.poll(POLL_S * 1000):
            output.report(run.poll())
        raise BrokenPipeError


@contextlib.contextmanager
def _stopped(channels: "list[Channel]") -> Generator[None]:
    try:
        yield
    finally:
        for channel in channels:
            channel.stop()


def warn(problem: str) -> None:
    """Print what is wrong, in a line."""
    click.echo(printable(problem), err=True)
