"""The man page, made of docs/cli.md when the package is built: nothing that is generated lies in the repository."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.core import ProjectMetadata
from hatchling.plugin.manager import PluginManager


class ManPage(BuildHookInterface[BuilderConfig]):
    """Adds the man page to the wheel, where `man` finds it, and to the sdist."""

    def initialize(self, version: str, build_data: dict[str, dict[str, str]]) -> None:  # noqa: ARG002 (hatchling's)
        """Write the page, and tell hatchling where it belongs."""
        metadata: ProjectMetadata[PluginManager] = self.metadata  # pyright: ignore  # hatchling's own type is not whole
        self._directory = tempfile.TemporaryDirectory()
        page = Path(self._directory.name, "tracerd.1")
        markdown = Path(self.root, "docs/cli.md").read_text()
        page.write_text(man_page(markdown, metadata.version, metadata.core.description))
        if self.target_name == "wheel":
            build_data["shared_data"][str(page)] = "share/man/man1/tracerd.1"
        else:
            build_data["force_include"][str(page)] = "docs/tracerd.1"

    def finalize(self, version: str, build_data: dict[str, dict[str, str]], artifact_path: str) -> None:  # noqa: ARG002
        """Remove what `initialize` wrote."""
        self._directory.cleanup()


def man_page(markdown: str, version: str, summary: str) -> str:
    """The man page of docs/cli.md, by the few rules that it needs."""
    name = f'.TH TRACERD 1 "" "tracerd {version}"\n.SH NAME\ntracerd \\- {_roff(summary.removeprefix("A "))}\n'
    body = re.sub(r"<!--.*?-->\n", "", markdown[markdown.index("## Synopsis") :], flags=re.DOTALL)
    return name + "\n".join(_lines(body)) + "\n"


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
