"""Redaction takes time in proportion to its input, whatever the input is."""

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from typing import cast

import pytest

from tracerd.redact import command_line, rules, urls

# The parser of `re` has no public name.
parser = __import__("re._parser", fromlist=["parse"])

PATTERNS = sorted(
    {rule.pattern for rule in (*rules.TEXT, *rules.SCRIPT)}
    | {
        cast("re.Pattern[bytes]", value).pattern
        for module in (rules, urls, command_line)
        for value in vars(module).values()
        if isinstance(value, re.Pattern)
    }
)

MAX_BOUND = 256


def repeats(tree: object) -> Iterator[tuple[str, int]]:
    """The repetitions of a parsed pattern, each with its most times."""
    if isinstance(tree, parser.SubPattern | list | tuple):
        for node in cast("Iterable[object]", tree):
            yield from repeats(node)
        if isinstance(tree, tuple) and str(cast("tuple[object, ...]", tree)[0]).endswith("REPEAT"):
            kind, (_, most, _) = cast("tuple[object, tuple[int, int, object]]", tree)
            yield str(kind), int(most)


def test_repetitions_are_found() -> None:
    assert list(repeats(parser.parse("(?:a|(b+c)){0,3}(?=d*+)"))) == [
        ("MAX_REPEAT", int(parser.MAXREPEAT)),
        ("MAX_REPEAT", 3),
        ("POSSESSIVE_REPEAT", int(parser.MAXREPEAT)),
    ]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_no_repetition_can_be_read_again(pattern: bytes) -> None:
    """Without a bound only possessive ones, so that no byte is read by more than a bounded number of attempts."""
    if pattern == rules.QUOTED.pattern:
        return  # of what is hidden already, from its begin to its end
    for kind, most in repeats(parser.parse(pattern.decode("latin-1"))):
        assert kind == "POSSESSIVE_REPEAT" or most <= MAX_BOUND


@pytest.mark.parametrize("pattern", sorted({rule.pattern for rule in (*rules.TEXT, *rules.SCRIPT)}))
def test_no_rule_begins_with_a_repetition(pattern: bytes) -> None:
    """It would be searched anew from each byte of a long word."""
    first = parser.parse(pattern.decode("latin-1"))[0]
    assert not str(first[0]).endswith("REPEAT")


HOSTILE = [
    "a", "key", "key=", "key ", "-", "-a.", "a-", "\\", '"', "'key: ", "http://a:", "-u ", "-u=", "password", "'token'",
    "--token ", "eyJ", "eyJ-", "eyJ.", "sk-", "://", "://a:b@", "@", "?key", "&a=", "-----begin private key-----",
    "bearer ", 'echo "', "SG.a", "--from-literal=", "\n", "[[", "\xa0", "token[",
]  # fmt: skip


def test_an_argument_of_a_megabyte_ends() -> None:
    """If anything were quadratic, this took hours: a tenth of it, `-u=` 43,000 times, took 10 s once."""
    program = (
        "import sys; from tracerd import redact\n"
        "for piece in eval(sys.stdin.read()):\n"
        "    word = '--user=' + piece * (300_000 // len(piece))\n"
        "    redact.argv(['x', word]); redact.argv(['sh', '-c', word]); redact.text(word)\n"
        "    redact.line(b'{\"a\":\"' + word.encode('unicode_escape') + b'\"}')\n"
    )
    subprocess.run([sys.executable, "-c", program], input=repr(HOSTILE), text=True, check=True, timeout=100)
