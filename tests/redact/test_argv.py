"""What of a command line is hidden, and what is not: the tables of docs/exec.md and more."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.docs.documents import code, section, tables
from tests.harness import ROOT
from tracerd import redact
from tracerd.exec.event import CommandLabel

EXEC_MD = (ROOT / "docs/exec.md").read_text()
HIDDEN, KEPT = tables(section(EXEC_MD, "### Secrets"))


@pytest.mark.parametrize(("given", "shown"), [pytest.param(*map(code, row[:2])) for row in HIDDEN])
def test_secrets_are_hidden_as_shown(given: str, shown: str) -> None:
    assert redact.argv(shlex.split(given)) == shlex.split(shown)


@pytest.mark.parametrize("given", [code(row[0]) for row in KEPT])
def test_what_no_rule_names_is_kept(given: str) -> None:
    assert redact.argv(shlex.split(given)) == shlex.split(given)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (["x", "--token"], ["x", "--token"]),
        (["x", "--token", ""], ["x", "--token", "***"]),
        (["x", "--token", "--secret", "b"], ["x", "--token", "***", "b"]),
        (["x", "--token="], ["x", "--token="]),
        (["password", "x"], ["password", "x"]),  # the program's own name
        (["x", "--token", "Bearer", "a"], ["x", "--token", "Bearer", "***"]),
        (["x", "--password", "--", "a"], ["x", "--password", "--", "***"]),
        (["docker", "run", "-p", "80:80", "-u", "1000:1000"], ["docker", "run", "-p", "80:80", "-u", "1000:1000"]),
        (["sudo", "/usr/bin/mysql", "-pa", "-p", "db"], ["sudo", "/usr/bin/mysql", "-p***", "-p", "db"]),
        (["curl", "-b", "jar.txt", "-uada:x"], ["curl", "-b", "jar.txt", "-uada:***"]),
        (["git", "-u", "https://h/x"], ["git", "-u", "https://h/x"]),
        (["x", "KEY=a\nb c"], ["x", "KEY=***"]),
        (["x", "KEY=a b"], ["x", "KEY=***"]),
        (["bash", "-lc", "KEY=a b"], ["bash", "-lc", "KEY=*** b"]),
        (["x", "-DKEY=a b"], ["x", "-DKEY=***"]),
        (["sh", "-c", "KEY='a b' PASSWORD=x run --token y"], ["sh", "-c", "KEY='***' PASSWORD=*** run --token ***"]),
        (["sh", "-c", 'run --password "a b" z'], ["sh", "-c", 'run --password "***" z']),
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
    assert redact.argv(given) == shown


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
        assert "hunter2" not in str(redact.argv(argv))


NOT_FOUND = (
    ["sudo", "-S", "<<<", "hunter2"],
    ["tool", "--password=", "x", "hunter2"],
    ["tool", "--passw\u00f6rd=hunter2"],
    ["tool", "token\nhunter2"],
)
"""docs/exec.md tells why."""


def test_no_secret_of_the_collection_is_left() -> None:
    """Each line is a command line with the secret `hunter2`, as tools take them and as users mistype them."""
    lines = (Path(__file__).parent / "command_lines.jsonl").read_text().splitlines()
    left = [words for words in map(json.loads, lines) if "hunter2" in str(redact.argv(words))]

    assert len(lines) == 79
    assert sorted(left) == sorted(NOT_FOUND)


@pytest.mark.parametrize(
    "words",
    [
        ["cc", "-O2", "-c", "monkey.c", "-o", "token.o"],
        ["docker", "run", "-u", "1000:1000", "-p", "80:80", "-v", "/a:/b", "image:tag"],
        ["git", "log", "--author=ada", "--format=%H", "0123456789abcdef0123456789abcdef01234567"],
        ["sort", "-u", "a:b.txt", "-k2"][:2],
        ["mysql", "-p", "database"],
        ["curl", "-b", "cookies.txt", "https://example.org:8080/a@b"],
        ["ssh", "ada@example.org", "ls"],
        ["psql", "-U", "ada", "postgres://ada@db/x"],
        ["tar", "-xf", "passwords.tar"],
        ["pytest", "-k", "test_password", "tests/auth"],
        ["python", "-m", "tokenize", "secrets.py"],
        ["grep", "-r", "password", "--include=*.py"][:2],
    ],
)
def test_ordinary_command_lines_stay(words: list[str]) -> None:
    assert redact.argv(words) == words


@given(st.lists(st.text(st.characters(codec=None)) | st.sampled_from(["--token", "-u", "a:b", "sh", "-c", "mysql"])))
def test_any_words_stay_as_many_and_nothing_is_raised(words: list[str]) -> None:
    once = redact.argv(words)

    assert len(once) == len(words)
    assert all(isinstance(word, str) for word in once)


def test_a_command_line_that_is_too_long_is_cut_before_it_is_searched() -> None:
    """100,000 arguments would take seconds; the command waits for it. What is left is without secrets."""
    words = ["x", "--token", "hunter2", *["--token=hunter2"] * 100_000]
    label = CommandLabel(words, None, "full", None)

    shown, left_out = label.args["argv"], label.args["argv_left_out"]
    assert isinstance(shown, list)
    assert isinstance(left_out, int)
    assert shown[:4] == ["x", "--token", "***", "--token=***"]
    assert "hunter2" not in str(shown)
    assert len(shown) + left_out == len(words)
    assert len(shown) < 10_000


def test_what_needs_no_rule_imports_none() -> None:
    """The modules of the rules, and re, cost more than all of exec; the command waits for them."""
    program = (
        "import sys; sys.modules.pop('re', None); from tracerd import redact;"
        "redact.argv(['cc', '-O2', '-c', 'a.c', '-o', 'a.o']); assert 're' not in sys.modules;"
        "redact.argv(['x', '--token', 'y']); assert 're' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
