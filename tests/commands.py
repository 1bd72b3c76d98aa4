"""The command line in the process of the test: to start Python for each command would take a third of the suite's time.

It is for what a command makes of its arguments and its files: results, messages, exit codes. What is between a command
and the system (descriptors that take nothing, signals, terminals, other users) needs the process of `harness.tracerd`.
"""

import subprocess
from pathlib import Path

from click.testing import CliRunner

from tracerd.cli import main


def invoke(*arguments: str | Path, **environ: str | None) -> "subprocess.CompletedProcess[bytes]":
    """Run a command; never raises for its exit code.

    Args:
        arguments: Of the command line, behind `tracerd`.
        environ: Variables that are set meanwhile; None unsets one.

    Raises:
        Exception: Any that the command has not caught: a process would show a traceback.
    """
    words = [str(argument) for argument in arguments]
    done = CliRunner().invoke(main, words, env=environ, prog_name="tracerd")
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return subprocess.CompletedProcess(words, done.exit_code, done.stdout_bytes, done.stderr_bytes)
