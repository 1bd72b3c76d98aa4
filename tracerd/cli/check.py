"""`tracerd check`: what of a log Perfetto would not show, or show wrongly, and how to fix the client."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracerd.cli.options import directory_option, trace_argument
from tracerd.cli.printing import print_json
from tracerd.cli.progress import Reading, progress_of
from tracerd.cli.reading import no_gc
from tracerd.cli.warnings import warn_problem
from tracerd.text import encodable, plural, printable

if TYPE_CHECKING:
    from tracerd.replay.kinds import Finding, Findings, Kind

FIRST_OF_A_KIND = 20
"""Findings of one kind that a person is shown, unless asking for all."""


@click.command()
@trace_argument
@directory_option
@click.option("--all", "all_", is_flag=True, help=f"Print every finding, not the first {FIRST_OF_A_KIND} of a kind.")
@click.option("--json", "as_json", is_flag=True, help="Print every finding, one JSON object per line, and no summary.")
@click.pass_context
def check(ctx: click.Context, trace: str, directory: Path, all_: bool, as_json: bool) -> None:
    """Find what Perfetto would drop, count as an error or show wrongly, and how to fix it.

    TRACE is a path, a file name, a trace id, an unambiguous prefix of one, `latest`, or `-` for stdin.
    Exit 1 if there is an error; warnings alone exit 0.
    """
    from tracerd.replay.kinds import Findings, Level
    from tracerd.replay.player import Player
    from tracerd.rows.source import find_trace

    source = find_trace(directory.absolute(), trace)
    findings = Findings(None if all_ or as_json else FIRST_OF_A_KIND)
    player = Player(findings)
    with no_gc(), progress_of(source.trace_id) as progress:
        for block in Reading(source, progress, plays=True).stored_blocks():
            player.feed(block)
        player.finish()
    warn_problem(source)
    if as_json:
        _print_json(findings.kept())
    else:
        _print(findings)
        click.echo(_summary(source.trace_id, player.lines, findings.counts))
    if any(kind.level is Level.ERROR for kind in findings.counts):
        ctx.exit(1)


def _print_json(findings: "Iterable[Finding]") -> None:
    for line_no, kind, reason in findings:
        entry = {
            "line": line_no,
            "level": kind.level,
            "kind": kind.name,
            "perfetto": kind.perfetto,
            "reason": encodable(reason),
            "fix": kind.fix,
            "mend": kind.fix,  # its name in 0.1.0, which scripts may read
        }
        print_json(entry)


def _print(findings: "Findings") -> None:
    kept = findings.kept()
    for line_no, kind, reason in kept:
        click.echo(f"line {line_no}: {kind.level}: {printable(reason)}; fix: {kind.fix}")
    shown = Counter(finding.kind for finding in kept)
    for kind, more in sorted((findings.counts - shown).items()):
        click.echo(f"and {more} more of {kind.name}; --all shows them")


def _summary(trace_id: str, lines: int, counts: "Counter[Kind]") -> str:
    levels: Counter[str] = Counter()
    for kind, count in counts.items():
        levels[kind.level] += count
    counted = ", ".join(plural(levels[level], level) for level in ("error", "warning") if levels[level])
    return f"{printable(trace_id)}: {plural(lines, 'line')}, {counted or 'nothing to fix'}"
