"""The part of docs/cli.md that is made of the commands.

`python -m tests.docs.cli_docs` writes it. A test fails if that would change it.
"""

import inspect
import re

import click

from tests.harness import ROOT
from tracerd.cli import main
from tracerd.cli.commands import COMMANDS, load

CLI_MD = ROOT / "docs/cli.md"

_GENERATED = re.compile(r"(?<=change their help instead -->\n).*?(?=<!-- end -->)", re.DOTALL)
_SENTENCE_END = re.compile(r"(?<=[a-z)`]\.) (?=[A-Z`])")


def cli_md() -> str:
    """What docs/cli.md should be: its own text, and what the commands say of themselves."""
    commands = "\n".join(map(_command, COMMANDS))
    return _GENERATED.sub(lambda _: f"\n{commands}\n", CLI_MD.read_text())


def _command(name: str) -> str:
    command = load(name)
    context = click.Context(command, info_name=name, parent=click.Context(main, info_name="tracerd"))
    options = [_option(parameter, context) for parameter in command.params if isinstance(parameter, click.Option)]
    usage = " ".join(["tracerd", name, *command.collect_usage_pieces(context)])
    text = inspect.cleandoc(command.help or "")
    parts = [f"### `tracerd {name}`\n", f"```text\n{usage}\n```\n", *map(_paragraph, text.split("\n\n"))]
    return "\n".join([*parts, "".join(options)] if options else parts)


def _option(option: click.Option, context: click.Context) -> str:
    """As `--help` tells it, but for the default, which versions of click write in different ways."""
    record = option.get_help_record(context)
    if record is None:  # a hidden one
        return ""
    names, _ = record
    shown = option.show_default if isinstance(option.show_default, str) else option.default
    default = f" Default: {shown}." if option.show_default else ""
    return f"- `{names}`: {' '.join((option.help or '').split())}{default}\n"


def _paragraph(text: str) -> str:
    if text.startswith("\b\n"):  # click's mark of lines to be left as they are
        return f"```text\n{text[2:]}\n```\n"
    return _SENTENCE_END.sub("\n", " ".join(text.split())) + "\n"


if __name__ == "__main__":
    CLI_MD.write_text(cli_md())
