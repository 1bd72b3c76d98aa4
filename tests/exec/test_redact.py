"""What of a command line is hidden, and what is not: the tables of docs/exec.md and more."""

import shlex
import time
from pathlib import Path

import pytest

from tests.docs.test_docs import code, section, tables
from tracerd.redact import redacted

EXEC_MD = (Path(__file__).parent.parent.parent / "docs/exec.md").read_text()
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
        (["sh", "-c", "curl -H 'X-Api-Key: abc' u"], ["sh", "-c", "curl -H 'X-Api-Key: ***"]),
        (["x", "\udcff", "--pass", "\udcff"], ["x", "\udcff", "--pass", "***"]),
        (["git", "https://ada:p@ss@example.org/x"], ["git", "https://***@example.org/x"]),
        (["git", "https://ada:p@h/?key=x"], ["git", "https://***@h/?key=***"]),
        (
            ["git", "ssh://git@example.org/x", "https://h:80/a@b"],
            ["git", "ssh://git@example.org/x", "https://h:80/a@b"],
        ),
        (["x", "/p:Password=a b"], ["x", "/p:Password=***"]),
        (["x", "--build-arg=TOKEN=a b"], ["x", "--build-arg=TOKEN=***"]),
        (["x", "A_KEY=x,B_KEY=y"], ["x", "A_KEY=***"]),
        (["x", "KEY2=a", "API_KEY_2=a", "--tokens", "a"], ["x", "KEY2=***", "API_KEY_2=***", "--tokens", "***"]),
        (["c++", "-fplugin-arg-Key::new"], ["c++", "-fplugin-arg-Key::new"]),
        (["docker", "--user=ada:x", "--user", "1000"], ["docker", "--user=ada:***", "--user", "1000"]),
    ],
)
def test_awkward_words(given: list[str], shown: list[str]) -> None:
    assert redacted(given) == shown


@pytest.mark.parametrize(
    "word",
    [
        '{"user":"a","password":"hunter2"}',
        '{"password": "hunter2", "n": 1}',
        "{'api_key': 'hunter2'}",
        '{\\"token\\": \\"hunter2\\"}',
        "password: 'hunter2'",
        'Authorization: Digest username="ada", response="hunter2"',
        'Cookie: a="1"; sid=hunter2',
        'password = "hunter2"',
        "user[password]=hunter2",
        "SECRET+=hunter2",
        "-----BEGIN RSA PRIVATE KEY-----\nhunter2",
        'TOKEN=a"hunter2" run',
        "TOKEN='a'hunter2 run",
        'TOKEN="a\\"hunter2" run',
        "TOKEN=a\\ hunter2 run",
        'run --password "a"hunter2 z',
        "run --password\\\n hunter2",
        "run(['--password', 'hunter2'])",
        "curl -u 'ada:hunter2' x",
        "curl -H \"Cookie: a='hunter2'\" x",
        "curl -H 'X-Auth: it'\\''s hunter2' x",
    ],
)
def test_secrets_between_quotes_and_in_scripts(word: str) -> None:
    """As a word of its own and as a script; what else of it is shown is not the point."""
    for argv in (["x", word], ["sh", "-c", word]):
        assert "hunter2" not in str(redacted(argv))


@pytest.mark.parametrize(
    "piece", ["a", "key", "key=", "key ", "-", "-a.", "a-", "\\", '"', "'key: ", "http://a:", "-u "]
)
def test_long_words_take_no_time(piece: str) -> None:
    """A search that begins anew at each character takes minutes for them; the command would wait for it."""
    word = f"key{piece * (100_000 // len(piece))}key"
    start = time.process_time()
    redacted(["x", word])
    redacted(["sh", "-c", word])
    assert time.process_time() - start < 2
