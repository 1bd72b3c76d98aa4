"""The documents: their sections, their blocks of code, their tables."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness import PATIENCE_S, ROOT

README = (ROOT / "README.md").read_text()
PROTOCOL = (ROOT / "docs/protocol.md").read_text()
FORMAT = (ROOT / "docs/format.md").read_text()
DESIGN = (ROOT / "docs/design.md").read_text()
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

BIN = Path(sys.executable).parent
ELSEWHERE = "/home/ada"
"""Where the documents write a trace.json; a test writes it in a directory of its own."""


def section(document: str, heading: str) -> str:
    """What stands under a heading, up to the next one of the same or a higher level."""
    level = heading.split()[0]
    start = f"\n{document}".index(f"\n{heading}\n") + len(heading)
    following = re.search(rf"^#{{1,{len(level)}}} ", document[start:], re.MULTILINE)
    return document[start : start + following.start()] if following else document[start:]


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def tables(text: str) -> list[list[list[str]]]:
    """The tables: for each its rows, for each its cells, without the head."""
    found = re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE)
    return [
        [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()[2:]] for table in found
    ]


def line_tables(document: str, heading: str) -> list[list[list[str]]]:
    """The tables below a heading that show lines of JSON."""
    return [table for table in tables(section(document, heading)) if table[0][0].startswith("`{")]


def code(cell: str) -> str:
    """What stands between a cell's backticks."""
    match = re.fullmatch("`(.*)`", cell)
    assert match, cell
    return match[1]


# --------------------------------------------------------------- README


def in_shell(script: str, directory: Path, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run lines as a person would type them, with this tracerd in the PATH."""
    env = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"} | environ
    command = ["sh", "-euc", script]
    return subprocess.run(
        command, cwd=directory, env=env, capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )


needs_socat = pytest.mark.skipif(shutil.which("socat") is None, reason="socat is not installed")


# --------------------------------------------------------------- protocol.md


def message_table() -> list[list[str]]:
    return tables(section(PROTOCOL, "## Messages"))[0]
