"""All documents: links lead somewhere, files that are named exist, prose has one sentence a line and no quaint word."""

import re
from pathlib import Path

import pytest

from tests.docs.documents import DOCUMENTS
from tests.harness import ROOT


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", document.read_text())

    for path, anchor in links:
        target = document.parent / path if path else document
        assert target.exists(), path
        if anchor:
            assert anchor in anchors(target), f"{path}#{anchor}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_prose_has_one_sentence_a_line(document: Path) -> None:
    prose = re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    lines = [line for line in prose.splitlines() if not re.match(r"\||- |[0-9]+\. ", line)]

    assert [line for line in lines if re.search(r"[a-z)`]\. [A-Z`]", line)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_that_are_named_exist(document: Path) -> None:
    text = document.read_text()
    named = re.findall(r"(?<![\w/.])(?:tracerd|tests|bench|data)/[\w/.]+\w", text)
    if document.name == "design.md":
        folders = "|".join(path.name for path in (ROOT / "tracerd").iterdir() if (path / "__init__.py").exists())
        modules = re.findall(rf"`((?:{folders})/\w+)(?:\.py)?`", text)
        assert len(modules) > 10
        named += [f"tracerd/{module}.py" for module in modules]

    assert [name for name in named if not (ROOT / name).exists()] == []


RETIRED = re.compile(r"\b(?:told|said|mend(?:s|ed)?|patience|nobody|somebody|whoever|spool|undecided)\b", re.IGNORECASE)
"""Words that are quaint, or meant several things here: reported, fix, timeout, trace directory are clearer."""


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_retired_word_comes_back(document: Path) -> None:
    prose = re.sub(r"^```.*?^```$|`[^`\n]*`", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)

    assert RETIRED.findall(prose) == []
