"""Regular expressions mean the same in each Python that tracerd runs on."""

import re

from tests.harness import ROOT

POSSESSIVE_GROUP = re.compile(r"\)(?:[*+?]|\{[\d,]*\})\+")

SAFE = (r'(?:[^"\\]|\\.)', r'(?:\\.[^"\\]*+)', r'(?:[^"\\\n]++|\\.)')
"""These fail where they begin, or at the end of the text."""


def test_no_possessive_group_fails_on_its_way() -> None:
    """Before Python 3.11.5 the match then went on from where the group had come to (python/cpython#106052).

    So the last letter of a password was taken for what follows it, and shown. An alternative that always fails, `(?!)`,
    begins where the group did.
    """
    found = [
        f"{path.relative_to(ROOT)}: {before[-40:]}{match[0][1:]}"
        for path in sorted((ROOT / "tracerd").rglob("*.py"))
        for text in [path.read_text()]
        for match in POSSESSIVE_GROUP.finditer(text)
        for before in [text[: match.start() + 1]]
        if not before.endswith(("|(?!))", *SAFE))
    ]
    assert not found, "end these groups with |(?!)"
