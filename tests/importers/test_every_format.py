"""What each format promises, whatever is in it: where it is cut, what is not its own, and what Perfetto reads of it."""

import gzip
import json
import re
from contextlib import suppress
from pathlib import Path

import pytest

from tests.importers.reading import read, read_text
from tests.importers.samples import TEXTS
from tests.perfetto.judge import Judge
from tracerd.errors import ImportFileError
from tracerd.importers.placing import Placement
from tracerd.importers.registry import BY_NAME
from tracerd.importers.run import Importer, Options

HOSTILE = '\\u001b]0;x\\u0007<b>&amp;\\u202e\\ud800"\\u0000'


def test_each_format_has_a_sample() -> None:
    assert TEXTS.keys() == BY_NAME.keys()


@pytest.mark.parametrize("name", TEXTS)
def test_the_content_shows_the_format(name: str, tmp_path: Path) -> None:
    """Also when it is compressed, after a mark of byte order, and with the other line ends."""
    whole = TEXTS[name].encode()
    events = read_text(tmp_path, whole).imported.timeline
    assert events.size > 0
    for text in (b"\xef\xbb\xbf" + whole, whole.replace(b"\n", b"\r\n"), gzip.compress(whole)):
        timeline = read_text(tmp_path, text).imported.timeline
        assert (timeline.tool, timeline.size, timeline.counts()) == (events.tool, events.size, events.counts())


@pytest.mark.parametrize("name", TEXTS)
def test_cut_anywhere_what_is_whole_comes_or_nothing_is_sent(name: str, tmp_path: Path) -> None:
    whole = TEXTS[name].encode().strip()
    path = tmp_path / "file"
    sizes = [read_text(tmp_path, whole + b"\n").imported.timeline.size]
    for at in range(len(whole) - 1, 0, -1):
        path.write_bytes(whole[:at])
        sent: list[bytes] = []
        try:
            imported = Importer(Options(), Placement(), lambda _: None, is_new=True).read(str(path), sent.append)
        except ImportFileError:
            assert sent == []
        else:
            sizes.append(imported.timeline.size)
            is_between = b"\n" in whole[at - 1 : at + 1] or "its array has no end" in str(imported.timeline.notes)
            assert imported.problem == "is cut off" or is_between, at
            assert ('"complete":false' in sent[-1].decode()) == bool(imported.problem)
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize("name", TEXTS)
def test_perfetto_has_nothing_to_object(name: str, perfetto: Judge, tmp_path: Path) -> None:
    found = read_text(tmp_path, TEXTS[name])
    path = tmp_path / "trace.json"
    path.write_text(json.dumps({"traceEvents": found.events}))
    rows, problems = perfetto.examine(path, "select count(*) from slice where dur >= 0 or dur = -1")
    assert problems == {}
    assert rows == [[[len(found.of("X", "B", "b", "i"))]]]


@pytest.mark.parametrize("name", TEXTS)
def test_values_of_any_type_do_no_harm(name: str, tmp_path: Path) -> None:
    """Each value of the file in turn becomes each of these: an answer, or one line."""
    path = tmp_path / "file"
    for bad in (
        "null",
        "-1",
        "1e400",
        "9007199254740993",
        "99999999999999999999",
        f'"{HOSTILE}"',
        "[]",
        "[[{}]]",
        "{}",
    ):
        for value in ('"a"', "2", "0", "1700000000000", "1700000000000000", "null", "0.5", '"2023-11-14T22:13:20.5Z"'):
            text = TEXTS[name].replace(f": {value}", f": {bad}").encode(errors="replace")
            path.write_bytes(text)
            try:
                found = read(path)
            except ImportFileError:
                continue
            assert all(abs(float(str(event.get("ts", 0)))) < 1e17 for event in found.events)


BAD = [
    b"1" * 400,
    b"1e308",
    b"-1e308",
    b'"\xff"',
    b"{}",
    b"[1]",
    b'"1e308"',
    b"true",
    b"null",
    b"1e-400",
    b'"9999-12-31"',
]
TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?')


@pytest.mark.parametrize("name", TEXTS)
def test_each_value_in_turn_may_be_anything(name: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    whole = TEXTS[name].encode()
    for token in TOKEN.finditer(whole):
        for bad in BAD:
            path.write_bytes(whole[: token.start()] + bad + whole[token.end() :])
            with suppress(ImportFileError):
                read(path, Options(format=name))


@pytest.mark.parametrize("name", TEXTS)
def test_a_format_that_is_given_reads_any_file_or_says_why_not(name: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    for other in (*TEXTS.values(), "", "\x00\x01" * 50, "{", "[[[[", "<a>", '"', "1", "[1,2]", "{}"):
        path.write_text(other)
        try:
            read(path, Options(format=name))
        except ImportFileError:
            pass
