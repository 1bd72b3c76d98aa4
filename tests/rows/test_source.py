"""TRACE: each command reads the same of it, whatever it is called and however it came about."""

import gzip
import json
import shutil
import subprocess
from itertools import islice
from pathlib import Path

import pytest

from tests.commands import invoke
from tests.harness import ROOT, tracerd
from tracerd.rows.document import Decompressed, Document

CASES = Path(__file__).parent / "cases"
TWO_SPANS = sorted(path for path in CASES.iterdir() if path.name > "02")
CUT = "02-array-cut.json"


def run(*arguments: str | Path, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    return invoke(*arguments) if stdin is None else tracerd(*arguments, input=stdin)


def spans(done: subprocess.CompletedProcess[bytes]) -> list[tuple[str, float, float]]:
    """Name, begin and duration of each span, of a trace.json."""
    return [(event["name"], event["ts"], event["dur"]) for event in json.loads(done.stdout)["traceEvents"]]


def lines(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, object]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("path", TWO_SPANS, ids=lambda path: path.name)
def test_commands_agree(path: Path) -> None:
    names = {"05-raw-tab.json": "a\tb", "04-inf-in-args.json": "Memcpy HtoD"}
    first = (names.get(path.name, "a"), 1000, 0 if path.name.startswith("04") else 500)
    warning = f"{path} is cut off: what is whole was read\n".encode() if path.name == CUT else b""

    exported, shown, counted = run("get-tef", path), run("show", path, "--json"), run("stats", path, "--json")
    printed, checked = run("tail", path, "--json"), run("check", path)

    assert spans(exported) == [first, ("b", 1600, 100)]
    rows = [row for row in lines(shown) if row["type"] == "span"]
    assert [(row["name"], row["start_us"], row["dur_us"]) for row in rows] == spans(exported)
    assert json.loads(counted.stdout)["spans"] == 2
    assert [row["event"] for row in lines(printed)] == json.loads(exported.stdout)["traceEvents"]
    assert f": 2 lines, {'1 warning' if path.name.startswith('04') else 'nothing to fix'}\n".encode() in checked.stdout
    for done in (exported, shown, counted, printed, checked):
        assert (done.returncode, done.stderr) == (0, warning)


def test_a_trace_that_was_cut_off_is_not_complete(tmp_path: Path) -> None:
    whole = tmp_path / "whole.jsonl.gz"
    whole.write_bytes(gzip.compress((ROOT / "docs/view/before.jsonl").read_bytes()))
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(whole.read_bytes()[:-8])

    def is_complete(path: Path) -> object:
        return json.loads(run("get-tef", path).stdout)["metadata"]["complete"]

    assert [is_complete(path) for path in (CASES / CUT, cut)] == [False, False]
    assert [is_complete(path) for path in (CASES / "01-document.json", whole)] == [True, True]


def test_check_finds_in_a_document_what_it_finds_in_a_log() -> None:
    done = run("check", CASES / "01-document.json", "--json")

    assert [(row["line"], row["kind"]) for row in lines(done)] == [(1, "negative-ts"), (4, "overlap")]
    assert done.returncode == 1
    assert run("check", CASES / "01-document-clean.json").returncode == 0


@pytest.mark.parametrize("name", ["before.jsonl", "live.jsonl"])
def test_a_log_may_be_compressed_or_come_from_stdin(name: str, tmp_path: Path) -> None:
    log = ROOT / "docs/view" / name
    (tmp_path / "log").write_bytes(gzip.compress(log.read_bytes()))

    for command in ("show", "tail", "check"):
        expected = run(command, log).stdout.replace(log.stem.encode(), b"NAME")
        for trace, stdin in (("-", log.read_bytes()), ("-", gzip.compress(log.read_bytes())), (tmp_path / "log", None)):
            done = run(command, trace, stdin=stdin)
            shown = b"stdin" if trace == "-" else str(trace).encode()
            assert done.stdout.replace(shown, b"NAME") == expected, done.stderr


def test_a_file_here_is_found_by_its_name_unless_a_trace_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, here = tmp_path / "store", tmp_path / "here"
    store.mkdir()
    here.mkdir()
    shutil.copy(CASES / "06-named.trace", here / "build")
    monkeypatch.chdir(here)

    def read() -> object:
        return json.loads(run("stats", "build", "-d", store, "--json").stdout)["events"]

    assert read() == 2
    shutil.copy(ROOT / "docs/view/before.jsonl", store / "build-1.jsonl")
    assert read() == 19


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the trace FILE has no events"),
        (b"[]", "the trace FILE has no events"),
        (b'{"traceEvents":[]}', "the trace FILE has no events"),
        (b'[{"ph":', "cannot read FILE: it is cut off before the end of a first event"),
        (gzip.compress(b"[{", mtime=0)[:12], "cannot read FILE: it is cut off before the end of a first event"),
        (
            gzip.compress(b'{"traceEvents":[]}', mtime=0)[:20],
            "cannot read FILE: it is cut off before the end of a first event",
        ),
        (b"\x1f\x8bxxxxxxxxxxxxxxxx", "cannot read FILE: it is damaged before the end of a first event"),
        (b"Hello\n", "FILE holds no event that Perfetto reads; its first line: not JSON"),
        (b"[{}, 7]", "FILE holds no event that Perfetto reads; its first line: ph is missing"),
    ],
)
def test_what_nothing_can_be_read_from_is_an_error_and_replaces_nothing(
    content: bytes, message: str, tmp_path: Path
) -> None:
    file, output = tmp_path / "file", tmp_path / "out.json"
    file.write_bytes(content)
    output.write_text("old")

    for target in (output, "-"):
        done = run("get-tef", file, "-o", target)
        assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (1, b"", 1)
        assert done.stderr.decode().startswith(f"Error: {message.replace('FILE', str(file))}")
    assert output.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_document_is_not_followed() -> None:
    path = CASES / "06-named.trace"

    done = invoke("tail", "-f", path)

    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == f"Error: {path} is no log, and nothing is added to it: leave out -f\n".encode()


def test_tail_shows_the_last_events_of_a_document_that_pass() -> None:
    events = [{"ph": "M", "name": "process_name", "pid": 1, "args": {"name": "cc"}}]
    events += [{"ph": "i", "name": f"n{n % 2}", "pid": 1, "ts": n} for n in range(10_000)]

    done = run("tail", "-", "-n", "2", "--name", "n1", stdin=json.dumps(events).encode())

    assert [line.split() for line in done.stdout.decode().splitlines()] == [
        [str(ts), "cc", "1", "instant", "n1"] for ts in (9997, 9999)
    ]


def test_events_become_lines() -> None:
    text = b'[{"a":\n1,\t"b":"x\ny\\\\\t\\""},\r\n{"c":2}]'

    document = Document([text])

    assert b"".join(document.blocks()) == b'{"a": 1, "b":"x\\u000ay\\\\\\u0009\\""}\n{"c":2}\n'
    assert document.is_complete


@pytest.mark.parametrize("size", [1, 5, 1 << 16])
def test_gzip_of_several_members_is_read_in_small_pieces(size: int) -> None:
    text = b"0123456789" * 100_000
    file = gzip.compress(text) + gzip.compress(b"end") + b"\0" * 99

    pieces = list(Decompressed(file[at : at + size] for at in range(0, len(file), size)))

    assert b"".join(pieces) == text + b"end"
    assert max(map(len, pieces)) <= 1 << 16


@pytest.mark.parametrize("size", [7, 1 << 16, 1 << 30])
@pytest.mark.parametrize("length", [0, 10, 1 << 16, 70_000, 200_000])
def test_each_member_of_a_gzip_file_is_read_once(size: int, length: int) -> None:
    texts = [b"", *(bytes([letter]) * length for letter in b"abc"), b"end"]
    file = b"".join(map(gzip.compress, texts))

    pieces = Decompressed(file[at : at + size] for at in range(0, len(file), size))

    assert b"".join(islice(pieces, 100)) == b"".join(texts)
    assert not pieces.problem


def test_two_compressed_logs_in_one_file_are_one_log(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl.gz"
    text = b"".join(b'{"ph":"X","name":"a","pid":1,"tid":1,"ts":%d,"dur":1}\n' % at for at in range(5000))
    path.write_bytes(gzip.compress(text) + gzip.compress(text))

    assert invoke("query", path, "count()").stdout.startswith(b"10,000 events\n")
