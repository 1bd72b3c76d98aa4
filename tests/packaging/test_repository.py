"""Each file in the repository has a place that is listed here; what came in by accident has none and fails."""

import re
from pathlib import PurePath

from tests.harness import ROOT
from tests.packaging.files import needs_checkout, tracked

ROOT_FILES = {
    ".gitignore",
    ".pre-commit-config.yaml",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "hatch_build.py",
    "justfile",
    "mkdocs.yml",
    "pyproject.toml",
}

KINDS = {
    ".ci": {"publish-check", "run"},
    ".github": {".yml"},
    "bench": {".py", ".c", ".h"},
    "data": {".service", ".socket", ".sql"},
    "docs": {".json", ".jsonl", ".md", ".png"},
    "tests": {".bin", ".c", ".gz", ".json", ".jsonl", ".md", ".mjs", ".py", ".rejected", ".trace"},
    "tracerd": {".c", ".css", ".html", ".js", ".py", ".pyi", ".svg", ".txt", ".typed"},
}
"""The kinds of files in each folder: their suffix, or their name if it has none."""

SNIPPETS = "docs/clients"
"""Clients in many languages, each of a kind of its own; tests/client/test_snippets.py lists and runs them."""

MAX_BYTES = 1_000_000

MAX_LINES = {".py": 300, ".c": 600}
"""A longer file does more than one thing, or is a table that belongs into a file of data."""


def is_listed(path: PurePath) -> bool:
    if len(path.parts) == 1:
        return path.name in ROOT_FILES
    if path.parent.as_posix() == SNIPPETS:
        return True
    return (path.suffix or path.name) in KINDS.get(path.parts[0], set())


@needs_checkout
def test_each_file_is_listed() -> None:
    assert [path for path in sorted(tracked()) if not is_listed(PurePath(path))] == []


@needs_checkout
def test_each_file_of_the_root_is_there() -> None:
    assert tracked() >= ROOT_FILES


@needs_checkout
def test_no_file_is_large() -> None:
    assert [path for path in tracked() if (ROOT / path).stat().st_size > MAX_BYTES] == []


@needs_checkout
def test_no_file_of_code_is_long() -> None:
    lines = {path: (ROOT / path).read_bytes().count(b"\n") for path in tracked() if PurePath(path).suffix in MAX_LINES}

    assert {path: number for path, number in lines.items() if number > MAX_LINES[PurePath(path).suffix]} == {}


RETIRED = re.compile(
    rb"\b(?:class|def) (?:Outages|Backlog|spool|Place|Title|Link|Everyone|Question|Seldom|Watcher|Nothing|_homeless"
    rb"|wait_no_more|undecided|settle)\b"
)
"""Names that told readers too little of what they are for."""


@needs_checkout
def test_retired_names_do_not_come_back() -> None:
    sources = {path: (ROOT / path).read_bytes() for path in tracked() if path.endswith(".py")}

    assert {path: found for path, text in sources.items() if (found := RETIRED.findall(text))} == {}
