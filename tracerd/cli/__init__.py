"""The `tracerd` command: one file per subcommand."""

import os
import sys

import click

from tracerd import __version__
from tracerd.cli import (
    check,
    clear,
    demo,
    directory,
    doctor,
    env,
    get_tef,
    install_service,
    list_logs,
    serve,
    status,
    stop,
)
from tracerd.errors import TracerdError
from tracerd.text import printable


class _Commands(click.Group):
    """Turns errors raised on purpose into one line and exit code 1, and a reader that has gone into a quiet end."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except TracerdError as error:
            raise click.ClickException(printable(str(error))) from error
        except BrokenPipeError:
            # Python would complain about it once more when it flushes stdout at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(1) from None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(prog)s %(version)s")
def main() -> None:
    """A local flight recorder: every process of a run in one trace.json that Perfetto opens."""
    if sys.platform != "linux":
        raise click.ClickException("tracerd needs Linux")


for command in (
    demo.demo,
    serve.serve,
    list_logs.list_command,
    get_tef.get_tef,
    check.check,
    directory.dir_command,
    status.status,
    stop.stop,
    install_service.install_service,
    clear.clear,
    env.env,
    doctor.doctor,
):
    main.add_command(command)
