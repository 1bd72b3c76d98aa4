"""`tracerd import` through a real daemon: what comes, and with which exit code."""

import gzip
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import invoke
from tests.harness import Daemon
from tests.perfetto.judge import Judge
from tracerd.errors import ImportFileError
from tracerd.importers.placing import Placement
from tracerd.importers.run import Importer, Options

EVENTS: list[dict[str, object]] = [
    {"ph": "M", "name": "process_name", "pid": 1, "tid": 0, "args": {"name": "traceEvents"}},
    {"ph": "X", "name": "late child", "pid": 1, "tid": 0, "ts": 5, "dur": 2, "args": ["a"]},
    {"ph": "X", "name": "parent", "pid": 1, "tid": 0, "ts": -10, "dur": 30, "args": None},
    {"ph": "X", "name": "crosses it", "pid": 1, "tid": 0, "ts": 10, "dur": 30},
    {"ph": "B", "name": "begun", "pid": 1, "tid": 140234567890123, "ts": 1},
    {"ph": "E", "pid": 1, "tid": 140234567890123, "ts": 4},
    {"ph": "b", "cat": "c", "name": "one", "id": 9007199254740993, "pid": 1, "ts": 1},
    {"ph": "b", "cat": "c", "name": "two", "id": 9007199254740993, "pid": 1, "ts": 2},
    {"ph": "e", "cat": "c", "name": "one", "id": 9007199254740993, "pid": 1, "ts": 5},
    {"ph": "e", "cat": "c", "name": "two", "id": 9007199254740993, "pid": 1, "ts": 8},
    {"ph": "s", "cat": "f", "name": "arrow", "id": 1, "pid": 1, "tid": 0, "ts": 7},
    {"ph": "f", "cat": "f", "name": "arrow", "id": 1, "pid": 1, "tid": 0, "ts": 12},
    {"ph": "f", "cat": "f", "name": "arrow", "id": 2, "pid": 1, "tid": 0, "ts": 12},
    {"ph": "C", "name": "load", "pid": 1, "ts": 3, "args": {"v": "0.5", "w": None}},
    {"ph": "i", "name": '<b>"\\\u202e', "pid": "text", "tid": "", "ts": 3.25},
]


def text(**more: object) -> bytes:
    return json.dumps({**more, "traceEvents": EVENTS}).encode()


ARRAY = json.dumps(EVENTS).encode()
SHAPES = {
    "one line": text(),
    "pretty": json.dumps({"traceEvents": EVENTS}, indent=2).encode(),
    "byte order mark": b"\xef\xbb\xbf" + text(),
    "CRLF": json.dumps({"traceEvents": EVENTS}, indent=1).replace("\n", "\r\n").encode(),
    "gz": gzip.compress(text()),
    "two gz members": gzip.compress(text()[:300]) + gzip.compress(text()[300:]),
    "array": ARRAY,
    "trailing comma": ARRAY[:-1] + b",\n]",
    "leading commas": b"[" + b"\n".join(b"," + json.dumps(event).encode() for event in EVENTS) + b"]",
    "no end": ARRAY[:-1],
    "no end after a comma": ARRAY[:-1] + b",\n",
    "late key": text(metadata={"trace": "x" * 150_000}),
    "keys with the word": text(traceEvent=[1], other={"traceEvents": [{"ph": "X"}]}),
    "lines": b"".join(json.dumps(event).encode() + b"\n" for event in EVENTS),
}


def run(daemon: Daemon, *arguments: str | Path) -> tuple[int, str, str]:
    done = invoke("import", "--socket", daemon.socket, "--dir", daemon.dir, *arguments)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def lines(daemon: Daemon, trace: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in daemon.events(trace)]


def spans(daemon: Daemon, trace: str) -> list[tuple[object, float, float]]:
    """Name, start after the first, and duration of all spans."""
    found = [event for event in lines(daemon, trace) if event["ph"] == "X"]
    starts = [float(str(event["ts"])) for event in found]
    first = min(starts)
    return sorted(
        (str(event["name"]), round(start - first, 3), float(str(event["dur"])))
        for event, start in zip(found, starts, strict=True)
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_one_file_in_many_shapes_gives_the_same_trace(shape: str, shared_daemon: Daemon, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(SHAPES[shape])
    trace = shape.replace(" ", "-")
    code, out, err = run(shared_daemon, file, "--into", trace)
    assert (code, err) == (0, "")
    assert "6 spans, " in out
    assert spans(shared_daemon, trace) == [
        ("begun", 11, 3),
        ("crosses it", 20, 30),
        ("late child", 15, 2),
        ("parent", 0, 30),
    ]
    phases = sorted(str(event["ph"]) for event in lines(shared_daemon, trace))
    assert [phase for phase in phases if phase not in "MX"] == ["C", "b", "b", "e", "e", "f", "i", "s"]
    assert "1 span put on 1 lane of their own; 1 arrow end without a span left out" in out
    assert ("no end" in out) == shape.startswith("no end")


def test_perfetto_has_nothing_to_object(daemon: Daemon, perfetto: Judge, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(text())
    assert run(daemon, file, "--into", "t")[0] == 0
    done = invoke("get-tef", "t", "-d", daemon.dir, "-o", tmp_path / "t.json")
    assert done.returncode == 0
    rows, problems = perfetto.examine(tmp_path / "t.json", "select count(*) from slice", "select count(*) from flow")
    assert problems == {}
    assert rows == [[[7]], [[1]]]


EVERY_FOURTH = [pytest.param(at, 4, marks=[pytest.mark.long, pytest.mark.timeout(3600)]) for at in range(4)]


@pytest.mark.parametrize(("first", "step"), [(0, 1501), *EVERY_FOURTH])
def test_what_is_cut_off_is_used_as_far_as_it_is_whole(first: int, step: int, tmp_path: Path) -> None:
    """100 kB cut anywhere: nothing is sent, or what is whole, with the mark that it is not all."""
    whole = json.dumps({"traceEvents": EVENTS * 84}).encode()
    assert len(whole) > 100_000
    file = tmp_path / "file"
    before, seen = 0, b""
    for at in [*range(len(EVENTS) * 40), *range(len(EVENTS) * 40 + first, len(whole), step)]:
        file.unlink(missing_ok=True)  # a file system may write to the disk what is truncated and written anew
        file.write_bytes(whole[:at])
        sent: list[bytes] = []
        try:
            imported = Importer(Options(), Placement(), lambda _: None, is_new=True).read(str(file), sent.append)
        except ImportFileError:
            assert sent == []
        else:
            assert imported.problem == "is cut off", at
            assert b'{"complete":false}' in sent[-1]
            if (joined := b"".join(sent)) != seen:  # most offsets lie in one event, and give the same as the one before
                assert all(json.loads(line) for line in joined.splitlines())
                seen = joined
            assert imported.timeline.size >= before
            before = imported.timeline.size


def test_a_file_that_is_cut_off_fails(daemon: Daemon, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(text()[:-20])
    code, out, err = run(daemon, file, "--into", "t")
    assert code == 1
    assert err == f"{file} is cut off: what is whole was imported\n"
    assert "spans" in out
    attributes = [event["args"] for event in lines(daemon, "t") if event["name"] == "tracerd_trace"]
    assert attributes == [{"complete": False}]


@pytest.mark.parametrize(
    "content",
    [b"", b"\x00\xff" * 500, b"{", b"[]", b"[1,2]", b'{"nodes":[],"samples":[]}', b"\x1f\x8b\x08", b'[{"ph":"X"}]'],
    ids=repr,
)
def test_what_holds_no_event_sends_nothing(content: bytes, daemon: Daemon, tmp_path: Path) -> None:
    file = tmp_path / "bad"
    file.write_bytes(content)
    code, out, err = run(daemon, file)
    assert (code, out) == (1, "")
    assert err.startswith(f"{file}: ")
    assert err.count("\n") == 1
    assert list(daemon.dir.glob("*.jsonl")) == []


def test_of_several_files_the_good_ones_come(daemon: Daemon, tmp_path: Path) -> None:
    bad, good = tmp_path / "bad", tmp_path / "good"
    bad.write_bytes(b"no")
    good.write_bytes(text())
    code, out, err = run(daemon, bad, good, "--into", "t")
    assert code == 1
    assert "6 spans, " in out
    assert err.startswith(f"{bad}: ")
    assert len(spans(daemon, "t")) == 4


def test_a_directory_is_no_file(daemon: Daemon, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(text())
    expected = f"{tmp_path}: it is a directory; name the files in it, such as {tmp_path}/*.json\n"
    assert run(daemon, tmp_path) == (1, "", expected)
    assert not [*daemon.dir.glob("*.jsonl")]


def test_a_bomb_ends_at_the_limit(daemon: Daemon, tmp_path: Path) -> None:
    file = tmp_path / "bomb.gz"
    file.write_bytes(gzip.compress(b"[" + b" " * 5_000_000 + text()))
    code, _, err = run(daemon, file, "--max-size", "3MB")
    assert code == 1
    assert "larger than 3.0 MB" in err


LONG_BYTES = 150_000_000


@pytest.mark.parametrize("separator", [b",", b"\n"], ids=["document", "lines"])
def test_an_event_that_would_fill_the_memory_is_left_out(separator: bytes, tmp_path: Path) -> None:
    """It is counted, and the others come; an event of 1 MB is one of these."""
    plain = [
        b'{"ph":"X","name":"%b","pid":2,"tid":2,"ts":%d,"dur":1}' % (b"a" * 10**6 * bool(at), at) for at in range(30)
    ]
    with gzip.open(tmp_path / "file", "wb", 1) as file:
        file.write(b"[" if separator == b"," else b"")
        file.write(separator.join([*plain[::2], b'{"ph":"X","name":"']))
        for _ in range(LONG_BYTES // 10**6):
            file.write(b"a" * 10**6)
        file.write(b'"}' + separator + separator.join(plain[1::2]) + separator)
    program = (
        "import sys; from pathlib import Path; from tests.importers.reading import counted; from tests.faults.proc "
        "import peak_mb; import os; print(counted(Path(sys.argv[1])), peak_mb(os.getpid()))"
    )
    done = subprocess.run([sys.executable, "-c", program, tmp_path / "file"], capture_output=True, check=True)
    spans, too_long, peak_mb = done.stdout.split()
    assert (int(spans), int(too_long)) == (30, 1)
    assert float(peak_mb) < 100


def test_the_order_of_files_decides_nothing(daemon: Daemon, tmp_path: Path) -> None:
    """A file without a clock first, and then one that is older than this machine's start."""
    span = {"ph": "X", "name": "a", "pid": 2, "tid": 2, "ts": 5, "dur": 1}
    (tmp_path / "new").write_text(json.dumps([span]))
    (tmp_path / "old").write_text(json.dumps({"traceEvents": [span], "beginningOfTime": 10**15}))
    for names in (("new", "old"), ("old", "new"), ("new", "old", "new")):
        code, out, err = run(daemon, *(tmp_path / name for name in names))
        assert (code, err) == (0, "")
        trace = out.splitlines()[0].removeprefix("trace ")
        assert len(spans(daemon, trace)) == len(names)


def test_two_files_of_one_pid_share_no_row(daemon: Daemon, tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_bytes(text())
    assert run(daemon, tmp_path / "a", tmp_path / "b", "--into", "t")[0] == 0
    pids = {event["pid"] for event in lines(daemon, "t") if event.get("name") == "parent"}
    assert len(pids) == 2


def test_secrets_do_not_come(daemon: Daemon, tmp_path: Path) -> None:
    file = tmp_path / "file"
    argv = ["curl", "--password", "hunter2", "https://joe:hunter2@example.com"]
    file.write_text(
        json.dumps([{"ph": "X", "name": "run", "pid": 2, "tid": 2, "ts": 1, "dur": 1, "args": {"argv": argv}}])
    )
    assert run(daemon, file, "--into", "t")[0] == 0
    assert "hunter2" not in str(daemon.events("t"))


def test_more_than_fits_into_memory_comes_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    from tracerd.importers import sorting

    monkeypatch.setattr(sorting, "RUN_BYTES", 10_000)
    numbers = list(range(5000))
    random.Random(1).shuffle(numbers)
    sorter = sorting.Sorter()
    for number in numbers:
        sorter.append((number, 0, number, 0, "X", b"{}"))
        sorter.appended(2)
    assert [record[0] for record in sorter.sorted()] == list(range(5000))
    sorter.close()
