"""`python -m bench.telemetry`: what telemetry costs while it is disabled, and what redaction costs.

CPU time, the best of several turns: what other programs do meanwhile does not count.
"""

import base64
import json
import random
import sysconfig
from functools import partial
from itertools import repeat
from pathlib import Path

import click

from bench.timing import best_cpu_s
from tracerd import redact
from tracerd.telemetry import TelemetryContext

RECORDS = 100_000
SIZE = 1_000_000
GOAL_US = 0.2
GOAL_MS = 50


def disabled_us() -> float:
    """What one record costs while the policy is disabled."""
    record = TelemetryContext("mytool", "1.2.3").record
    return best_cpu_s(lambda: all(map(record, repeat("command.invoke", RECORDS)))) / RECORDS * 1e6


def texts() -> dict[str, str]:
    """A megabyte of each kind of text that traces hold, and one that is nothing but secrets."""
    library = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
    event = {"ph": "X", "name": "compile", "args": {"url": "https://example.org/x", "token_count": 12, "status": "ok"}}
    return {
        "source code": "".join(path.read_text(errors="replace") for path in library),
        "JSON": f"{json.dumps(event)}\n" * 10_000,
        "base64": base64.b64encode(random.Random(1).randbytes(SIZE)).decode(),
        "short words": "a b " * SIZE,
        "one word": "a" * SIZE,
        "URLs with passwords": "db://ada:hunter2@example.org:5432/x " * 30_000,
        "options that hide nothing": "--key a " * 125_000,
        "secrets only": "https://ada:hunter2@example.org/x --token=hunter2 " * 25_000,
    }


def main() -> None:
    """Print the figures."""
    click.echo(f"a record while disabled: {disabled_us():.3f} us (goal: below {GOAL_US})")
    for name, text in texts().items():
        redacts = partial(redact.text, text[:SIZE])
        click.echo(f"1 MB of {name}: {best_cpu_s(redacts) * 1e3:.0f} ms (goal: below {GOAL_MS})")


if __name__ == "__main__":
    main()
