"""`tracerd watch`: rules over the windows of traces, and alerts."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracerd.cli.options import complete_trace, directory_option, socket_option
from tracerd.cli.printing import check_stdout

if TYPE_CHECKING:
    from tracerd.query.tracker import Tracker
    from tracerd.watch.rules import WatchRule


@click.command()
@click.argument("traces", nargs=-1, metavar="[TRACE]...", shell_complete=complete_trace)
@directory_option
@socket_option
@click.option("--rules", type=click.Path(dir_okay=False), metavar="FILE", help="Rules, instead of the usual ones.")
@click.option("--print-rules", is_flag=True, help="Print the usual rules, and exit.")
@click.option("--once", is_flag=True, help="Judge what is there, and exit 1 if there would have been an alert.")
@click.option("--on-alert", metavar="CMD", help="Run CMD for each alert, such as 'notify-send tracerd {message}'.")
@click.option(
    "--channels",
    "config",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    show_default="watch.toml in the user's configuration directory for tracerd",
    help="Where alerts go.",
)
@click.option("--no-channels", is_flag=True, help="Only print alerts.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per alert and line.")
@click.pass_context
def watch(
    ctx: click.Context,
    traces: tuple[str, ...],
    directory: Path,
    socket: Path,
    rules: str | None,
    print_rules: bool,
    once: bool,
    on_alert: str | None,
    config: Path | None,
    no_channels: bool,
    as_json: bool,
) -> None:
    """Watch traces, and alert when a rule says so.

    Without TRACE all traces are watched, also those to come, until Ctrl-C.
    TRACE is a path, a file name, a trace id, an unambiguous prefix of one, or `latest`.
    With --once, alerts are only printed, and given to --on-alert; TRACE may be `-` for stdin.
    """
    from tracerd.cli.watching import Output, channels, follow, once_over, sent
    from tracerd.watch.rules import DEFAULT_RULES

    check_stdout()
    if print_rules:
        click.echo(DEFAULT_RULES, nl=False)
        return
    if no_channels and config:
        raise click.UsageError("--no-channels and --channels exclude each other")
    directory = directory.absolute()
    trackers, known = _read_rules(rules)
    # Channels of the file are for what happens now.
    output = Output(known.values(), as_json=as_json, with_date=once)
    output.channels = channels(on_alert, config, use_config=not once and not no_channels)
    if not once:
        if output.channels:
            output.sent = sent((directory, socket, *traces, rules, on_alert, config), known)
        follow(directory, socket, traces, trackers, known, output)
    elif once_over(directory, socket, traces, trackers, known, output):
        ctx.exit(1)


def _read_rules(path: str | None) -> "tuple[list[Tracker], dict[str, WatchRule]]":
    from tracerd.cli.querying import read_text
    from tracerd.watch.rules import DEFAULT_RULES, parse_rules

    return parse_rules(DEFAULT_RULES, "the usual rules") if path is None else parse_rules(read_text(path), path)
