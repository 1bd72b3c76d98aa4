"""The documents that are made of the commands: a part of docs/cli.md, and the man page of all of it.

`python -m tests.docs.cli_docs` writes both. A test fails if that would change them.
"""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click

from tracerd import __version__
from tracerd.cli import main

DOCS = Path(__file__).parent.parent.parent / "docs"
CLI_MD = DOCS / "cli.md"
MAN_PAGE = DOCS / "tracerd.1"

_GENERATED = re.compile(r"(?<=change their help instead -->\n).*?(?=<!-- end -->)", re.DOTALL)
_SENTENCE_END = re.compile(r"(?<=[a-z)`]\.) (?=[A-Z`])")


def cli_md() -> str:
    """What docs/cli.md should be: its own text, and what the commands say of themselves."""
    commands = "\n".join(map(_command, sorted(main.commands)))
    return _GENERATED.sub(lambda _: f"\n{commands}\n", CLI_MD.read_text())


def _command(name: str) -> str:
    command = main.commands[name]
    context = click.Context(command, info_name=name, parent=click.Context(main, info_name="tracerd"))
    arguments = [_argument(parameter) for parameter in command.params if isinstance(parameter, click.Argument)]
    options = [_option(parameter, context) for parameter in command.params if isinstance(parameter, click.Option)]
    usage = " ".join(["tracerd", name, "[OPTIONS]", *arguments])
    text = inspect.cleandoc(command.help or "")
    parts = [f"### `tracerd {name}`\n", f"```text\n{usage}\n```\n", *map(_paragraph, text.split("\n\n"))]
    return "\n".join([*parts, "".join(options)] if options else parts)


def _argument(argument: click.Argument) -> str:
    name = argument.metavar or (argument.name or "").upper()
    name = name if argument.required else f"[{name}]"
    return f"{name}..." if argument.nargs == -1 else name


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


# ------------------------------------------------------------------ the man page


def man_page(markdown: str) -> str:
    """The man page of docs/cli.md, by the few rules that it needs."""
    name = f'.TH TRACERD 1 "" "tracerd {__version__}"\n.SH NAME\ntracerd \\- {_roff(_one_line(main.help))}\n'
    body = markdown[markdown.index("## Synopsis") :]
    body = re.sub(r"<!--.*?-->\n", "", body, flags=re.DOTALL)
    return name + "\n".join(_lines(body)) + "\n"


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split()).removesuffix(".").removeprefix("A ")


def _lines(markdown: str) -> Iterator[str]:
    verbatim = False
    after_blank = False
    without_heads = re.sub(r"^\|.*\|\n\|[-|]+\|\n", "", markdown, flags=re.MULTILINE)
    for line in without_heads.splitlines():
        if line.startswith("```"):
            verbatim = not verbatim
            yield ".PP\n.RS 4\n.EX" if verbatim else ".EE\n.RE"
        elif verbatim:
            yield _protect(_escape(line))
        elif line.startswith("#"):
            level, title = line.split(" ", 1)
            yield f".SH {_roff(title.upper())}" if level == "##" else f".SS {_roff(title.replace('`', ''))}"
        elif option := re.match(r"- (`-.*?`): (.*)", line):
            yield f".TP\n{_roff(option[1])}\n{_roff(option[2])}"
        elif line.startswith("- "):
            yield f".IP \\(bu 2\n{_roff(line[2:])}"
        elif line.startswith("|"):
            key, text = (_roff(cell.strip()) for cell in line.strip("|").split(" | "))
            yield f".TP\n{key}\n{text}"
        elif line and after_blank:
            yield f".PP\n{_roff(line)}"
        elif line:
            yield _roff(line)
        after_blank = not line


def _roff(text: str) -> str:
    """A line of text with its links as their names, and code in bold."""
    text = re.sub(r"\[([^\]]*)\]\((https?:[^)]*)\)", r"\1 (\2)", text)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    pieces = text.split("`")
    return _protect("".join(f"\\fB{_escape(p)}\\fR" if i % 2 else _escape(p) for i, p in enumerate(pieces)))


def _escape(text: str) -> str:
    return (
        text.replace("\\", "\\e").replace("-", "\\-").replace("~", "\\(ti").replace("'", "\\(aq").replace("`", "\\(ga")
    )


def _protect(line: str) -> str:
    return f"\\&{line}" if line.startswith((".", "'")) else line


if __name__ == "__main__":
    CLI_MD.write_text(cli_md())
    MAN_PAGE.write_text(man_page(cli_md()))
