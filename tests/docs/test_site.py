"""The book: its index and the navigation of its site have the same pages; the site loads nothing from other hosts."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.docs.documents import section
from tests.docs.site import on_page_markdown
from tests.harness import ROOT

INDEX = (ROOT / "docs/index.md").read_text()
MKDOCS = (ROOT / "mkdocs.yml").read_text()


def test_index_and_navigation_have_each_page_in_the_same_place() -> None:
    parts = re.findall(r"^  - ([\w-]+):\n((?:      - .*\n)+)", MKDOCS, re.MULTILINE)
    shown = {part: re.findall(r": (\S+)\n", pages) for part, pages in parts}

    assert shown == {
        part: re.findall(r"^\| \[[^]]+\]\(([^)]+)\)", section(INDEX, f"## {part}"), re.MULTILINE) for part in shown
    }
    assert sorted(page for pages in shown.values() for page in [*pages]) == sorted(
        path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md") if path.name != "index.md"
    )


def test_links_out_of_the_book_are_names() -> None:
    text = "see [the code](../tests/a.py#L1), [README](../README.md#set-up) and [exec](exec.md)"
    assert on_page_markdown(text) == "see the code (`tests/a.py`), README (`README.md`) and [exec](exec.md)"


class Loads(HTMLParser):
    """What a page loads when it is opened: not what it links to."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "a":
            self.urls += [value for name, value in attrs if name in ("src", "href", "srcset", "data") and value]


@pytest.mark.tools
def test_the_site_builds_and_loads_nothing_from_another_host(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="mkdocs is not installed")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

    loads = Loads()
    pages = sorted(tmp_path.rglob("*.html"))
    for page in pages:
        loads.feed(page.read_text())
    for style in tmp_path.rglob("*.css"):
        loads.urls += re.findall(r"(?:url\(|@import )[\"']?([^\"')]+)", style.read_text())

    assert len(pages) > 30
    assert len(loads.urls) > 100
    assert [url for url in loads.urls if re.match("(https?:)?//", url)] == []
    assert (tmp_path / "search/search_index.json").stat().st_size > 100_000
