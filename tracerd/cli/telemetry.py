"""`tracerd telemetry`: whether tracerd notes in a file of the user how it is used."""

import json
import os
from typing import TYPE_CHECKING

import click

from tracerd.text import printable

if TYPE_CHECKING:
    from tracerd.telemetry import Consent

NOTICE = """\
tracerd will note each of its commands except exec, serve, shim and telemetry: which command it was, how it ended,
how long it took in rough steps, the version of tracerd, the time, and a salted hash of the machine id.
Arguments, names, paths and messages are not noted. Nothing is sent anywhere: the events stay in the file."""

ACTIONS = ("status", "enable", "disable", "reset")


@click.command()
@click.argument("action", type=click.Choice(ACTIONS), metavar="|".join(ACTIONS))
@click.option("--json", "as_json", is_flag=True, help="Print the state as JSON.")
def telemetry(action: str, as_json: bool) -> None:
    """Usage events of tracerd itself: off by default, in a file of yours, never sent.

    `status` shows whether events are recorded, who decided that, and the files.
    `enable` records events from now on; it is refused with CI=true.
    `disable` records none from now on.
    `reset` forgets the decision, and the machine id if tracerd had to make one.

    Events that were recorded stay until you remove the file.
    """
    from tracerd.telemetry import Consent
    from tracerd.telemetry.policy import is_set

    if action == "enable":
        if is_set(os.environ, "CI"):
            raise click.ClickException("CI is set: a decision is a person's; run it in a terminal, or unset CI")
        _decide(Consent.enabled_now())
        if not as_json:
            click.echo(NOTICE)
    elif action == "disable":
        _decide(Consent.disabled_now())
    elif action == "reset":
        _reset()
    _show(as_json)


def _reset() -> None:
    from tracerd.cli.usage import MACHINE_ID, TOOL
    from tracerd.telemetry import consent
    from tracerd.telemetry.policy import consent_file, state_file

    for path in (consent_file(TOOL), state_file(TOOL, MACHINE_ID)):
        if path is not None:
            consent.reset(path)


def _decide(decision: "Consent") -> None:
    from tracerd.cli.usage import TOOL
    from tracerd.telemetry import consent
    from tracerd.telemetry.policy import consent_file

    path = consent_file(TOOL)
    if path is None:
        raise click.ClickException("there is no directory for the decision: set HOME or XDG_CONFIG_HOME")
    consent.write(path, decision)


def _show(as_json: bool) -> None:
    from tracerd.cli.usage import EVENTS, TOOL
    from tracerd.telemetry import decide
    from tracerd.telemetry.policy import state_file

    decision = decide(TOOL)
    row = {
        "state": decision.policy.value,
        "source": decision.source,
        "decided_at": decision.decided_at,
        "consent_file": decision.consent_file,
        "events_file": state_file(TOOL, EVENTS),
        "error": decision.error,
    }
    if as_json:
        click.echo(json.dumps(row))
        return
    for name, value in row.items():
        if value is not None:
            click.echo(f"{name.replace('_', ' ')}: {printable(value)}")
