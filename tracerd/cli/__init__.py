"""The `tracerd` command: one file per subcommand."""

import contextlib
import os
import signal
import sys
from collections.abc import Generator

import click

from tracerd import __version__
from tracerd.cli import usage
from tracerd.cli.commands import COMMANDS, load
from tracerd.errors import TracerdError
from tracerd.speedups import implementation
from tracerd.text import printable

INTERRUPTED = 128 + signal.SIGINT
"""The exit code of a command that Ctrl-C has ended, as a shell gives it."""


class _Commands(click.Group):
    """Turns errors raised on purpose into one line and exit code 1, and a reader that has gone into a quiet end.

    Ctrl-C ends without a word: the person who has pressed it knows.
    """

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: object
    ) -> click.Context:
        with _errors_in_one_line():  # --help and --version print here
            return super().make_context(info_name, args, parent, **extra)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, and says where an option of a command belongs."""
        words = [*args]
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            name = next((word for word in words if word in COMMANDS), None)
            if name is None:
                raise
            option = printable(error.option_name)
            ctx.fail(f"{option!r} goes behind the command: tracerd {name} {option} ...")

    def invoke(self, ctx: click.Context) -> object:
        with _quiet_interrupt(), usage.recorded(ctx), _errors_in_one_line():
            result = super().invoke(ctx)
            if sys.stdout:  # it is None if descriptor 1 was closed when we were started
                sys.stdout.flush()
            return result

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (the name is click's)
        return list(COMMANDS)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, and with the command that was probably meant."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            from difflib import get_close_matches

            near = "".join(f" Did you mean {match!r}?" for match in get_close_matches(name, COMMANDS, n=1))
            ctx.fail(f"No such command {printable(name)!r}.{near}")
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        return load(cmd_name) if cmd_name in COMMANDS else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """As click does, but without a look at the commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@contextlib.contextmanager
def _quiet_interrupt() -> Generator[None]:
    try:
        yield
    except KeyboardInterrupt:
        if sys.stdout:
            _drop_stdout()  # to flush it might wait for a reader
        raise SystemExit(INTERRUPTED) from None


@contextlib.contextmanager
def _errors_in_one_line() -> Generator[None]:
    try:
        yield
    except TracerdError as error:
        _forget_stdout()
        raise click.ClickException(printable(str(error))) from error
    except BrokenPipeError:
        _forget_stdout()
        raise SystemExit(1) from None
    except OSError as error:
        _forget_stdout()
        what = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else "cannot write: "
        raise click.ClickException(printable(f"{what}{error.strerror or error}")) from error


def _forget_stdout() -> None:
    """If stdout cannot take what we have written, drop that: Python would complain once more at its end."""
    if not sys.stdout:
        return
    try:
        sys.stdout.flush()
    except OSError:
        _drop_stdout()


def _drop_stdout() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message=f"%(prog)s %(version)s ({implementation})")
@click.pass_context
def main(ctx: click.Context) -> None:
    """A local flight recorder: every process of a run in one trace.json that Perfetto opens."""
    if os.environ.get("NO_COLOR"):
        ctx.color = False
    if sys.platform != "linux":
        raise click.ClickException("tracerd needs Linux")
