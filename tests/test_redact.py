"""What of a command line is hidden, and what is not: the tables of docs/exec.md and more."""

import shlex
from pathlib import Path

import pytest

from tests.test_docs import code, section, tables
from tracerd.exec.redact import redacted

EXEC_MD = (Path(__file__).parent.parent / "docs/exec.md").read_text()
HIDDEN, KEPT = tables(section(EXEC_MD, "### Secrets"))


@pytest.mark.parametrize(("given", "shown"), [pytest.param(*map(code, row[:2])) for row in HIDDEN])
def test_secrets_are_hidden_as_shown(given: str, shown: str) -> None:
    assert redacted(shlex.split(given)) == shlex.split(shown)


@pytest.mark.parametrize("given", [code(row[0]) for row in KEPT])
def test_what_no_rule_names_is_kept(given: str) -> None:
    assert redacted(shlex.split(given)) == shlex.split(given)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (["x", "--token"], ["x", "--token"]),
        (["x", "--token", ""], ["x", "--token", "***"]),
        (["x", "--token", "--secret", "b"], ["x", "--token", "***", "b"]),
        (["x", "--token="], ["x", "--token="]),
        (["--password", "x"], ["--password", "x"]),  # the program's own name
        (["x", "KEY=a\nb c"], ["x", "KEY=***"]),
        (["x", "KEY=a b"], ["x", "KEY=***"]),
        (["bash", "-lc", "KEY=a b"], ["bash", "-lc", "KEY=*** b"]),
        (["x", "-DKEY=a b"], ["x", "-DKEY=***"]),
        (["sh", "-c", "KEY='a b' PASSWORD=x run --token y"], ["sh", "-c", "KEY=*** PASSWORD=*** run --token ***"]),
        (["sh", "-c", 'run --password "a b" z'], ["sh", "-c", "run --password *** z"]),
        (["curl", "-H", "authorization: Basic abc=="], ["curl", "-H", "authorization: ***"]),
        (["sh", "-c", "curl -H 'X-Api-Key: abc' u"], ["sh", "-c", "curl -H 'X-Api-Key: ***' u"]),
        (["x", "\udcff", "--pass", "\udcff"], ["x", "\udcff", "--pass", "***"]),
    ],
)
def test_awkward_words(given: list[str], shown: list[str]) -> None:
    assert redacted(given) == shown
