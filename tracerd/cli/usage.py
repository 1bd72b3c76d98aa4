"""The usage events of tracerd's own commands: see docs/telemetry.md."""

import os
import time
from collections.abc import Generator
from contextlib import contextmanager

import click

TOOL = "tracerd"
SALT = "tracerd.telemetry.v1"
EVENTS = "telemetry.jsonl"
MACHINE_ID = "machine-id"

UNRECORDED = frozenset({"exec", "serve", "shim", "telemetry"})
"""What runs within the user's own job, or for days, and the command that decides."""

_WAIT_S = 0.5
"""How long a command waits at its end for others that write to the file."""

_STEPS = ((0.1, "below 0.1 s"), (1, "below 1 s"), (10, "below 10 s"), (60, "below 1 min"))


@contextmanager
def recorded(ctx: click.Context) -> Generator[None]:
    """Record how the command of a context ends, if the user wants that; the command never fails for it."""
    started_s = time.monotonic()
    outcome = "error"
    try:
        yield
        outcome = "ok"
    except (SystemExit, click.exceptions.Exit) as error:
        code = error.exit_code if isinstance(error, click.exceptions.Exit) else error.code
        outcome = "error" if code else "ok"
        raise
    except (KeyboardInterrupt, click.Abort):
        outcome = "cancelled"
        raise
    finally:
        command = ctx.invoked_subcommand  # one of ours: what the user mistyped is never in it
        if command and command not in UNRECORDED and _may_be_wanted():
            _record(command, outcome, time.monotonic() - started_s)


def _may_be_wanted() -> bool:
    """A look that costs nothing, for those who have decided nothing."""
    directory = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return "TRACERD_TELEMETRY" in os.environ or os.path.lexists(os.path.join(directory, TOOL, "consent.toml"))


def _record(command: str, outcome: str, duration_s: float) -> None:
    from functools import partial

    from tracerd import __version__
    from tracerd.telemetry import CollectionPolicy, FileSink, MachineId, TelemetryContext, policy_of
    from tracerd.telemetry.policy import state_file

    path = state_file(TOOL, EVENTS)
    if path is None or policy_of(TOOL) is CollectionPolicy.DISABLED:
        return
    TelemetryContext(
        TOOL,
        __version__,
        salt=SALT,
        sink=FileSink(path, timeout_s=_WAIT_S),
        policy=CollectionPolicy.ENABLED,
        machine_id=partial(MachineId.derive, cache=state_file(TOOL, MACHINE_ID)),
    ).record("command.invoke", {"command": command, "outcome": outcome, "duration": _step(duration_s)})


def _step(duration_s: float) -> str:
    return next((name for limit_s, name in _STEPS if duration_s < limit_s), "1 min or more")
