"""`tracerd tail`: what is printed of which events, and what is not read."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import invoke
from tests.docs.documents import code, section, tables
from tests.harness import PATIENCE_S, event, on_a_terminal, tracerd
from tests.view.tails import EXAMPLE, GOLDEN, SPAN, VIEW, following, numbers, tail
from tests.view.tails import store as store
from tracerd.core.own_prefixes import CLOCK_PREFIX


def test_example_and_its_json_are_those_of_the_documents() -> None:
    shown = re.search(
        r"\$ TZ=UTC tracerd tail \./live\.jsonl\n```\n\n```text\n(.*?)```", section(VIEW, "## tail"), re.DOTALL
    )
    assert shown

    done = tracerd("tail", "./live.jsonl", cwd=EXAMPLE.parent, env=os.environ | {"TZ": "UTC"})
    assert done.stdout.decode() == shown[1]
    assert tail(EXAMPLE.parent, EXAMPLE, "--json").stdout == GOLDEN.read_bytes()


def test_event_in_json_is_byte_for_byte_that_of_the_log() -> None:
    lines = [line for line in EXAMPLE.read_bytes().splitlines() if b"tracerd_clock" not in line]

    assert [re.split(rb',"event":', line, maxsplit=1)[1][:-1] for line in GOLDEN.read_bytes().splitlines()] == lines


def test_a_time_since_1970_stays_so_beside_a_clock_line(tmp_path: Path) -> None:
    """As `import` writes it of what is older than the machine's start."""
    log = tmp_path / "t.jsonl"
    log.write_bytes(EXAMPLE.read_bytes().splitlines(keepends=True)[0] + event(1_600_000_000_000_000))

    assert log.read_bytes().startswith(CLOCK_PREFIX)
    assert json.loads(tail(tmp_path, log, "--json").stdout)["time_s"] == 1_600_000_000


def test_keys_of_the_json_are_documented() -> None:
    [table] = tables(section(VIEW, "### The JSON of tail"))

    for line in GOLDEN.read_bytes().splitlines():
        assert list(json.loads(line)) == [code(row[0]) for row in table]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], range(110, 120)),
        (["new"], range(110, 120)),
        (["old"], range(10, 20)),
        (["-n", "3"], range(117, 120)),
        (["-n", "3", "-n", "2"], range(118, 120)),
        (["-n", "1000"], range(100, 120)),
        (["-n", "0"], range(0)),
        (["-n", "0", "old"], range(0)),
    ],
)
def test_the_last_events_are_printed(options: list[str], expected: range, store: Path) -> None:
    done = tail(store, "--json", *options)

    assert (done.returncode, numbers(done.stdout), done.stderr) == (0, list(expected), b"")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], [1, 2, 3, 4, 5, 6]),
        (["--name", "a*"], [1, 2]),
        (["--name", "a*", "--name", "b"], [1, 2, 3]),
        (["--name", "A*"], []),
        (["--pid", "7"], [1, 3]),
        (["--pid", "7", "--pid", "8"], [1, 2, 3]),
        (["--min-dur", "5ms"], [2, 3]),
        (["--min-dur", "1s", "--min-dur", "4999us"], [2, 3]),
        (["--min-dur", "0"], [1, 2, 3]),
        (["--min-dur", "0ms"], [1, 2, 3]),
        (["--level", "debug"], [4, 5, 6]),
        (["--level", "info"], [5, 6]),
        (["--level", "debug", "--level", "error"], [6]),
        (["--name", "a*", "--pid", "7", "-n", "1"], [1]),
        (["--where", "dur_us >= 5000 && pid == 8"], [2]),
        (["--where", 'args.level == "debug" || error'], [4, 6]),
        (["--where", 'level == "info"'], [5]),
        (["--where", 'message ~ "lo*" && ts_us > 4'], [5, 6]),
        (["--where", 'name ~ "a*"', "--pid", "7"], [1]),
        (["--where", 'ph == "i" && cat == "log" && tid == null'], [4, 5, 6]),
        (["--where", "args.nothing.here"], []),
    ],
)
def test_options_let_events_pass(options: list[str], expected: list[int], store: Path) -> None:
    spans = SPAN % (b"a1", 7, 1, 10) + SPAN % (b"a2", 8, 2, 5000) + SPAN % (b"b", 7, 3, 5000000)
    logs = b"".join(
        b'{"ph":"i","name":"log","cat":"log","ts":%d,"args":{"level":"%s"}}\n' % (ts, level)
        for ts, level in ((4, b"debug"), (5, b"unusual"), (6, b"error"))
    )
    (store / "t.jsonl").write_bytes(spans + logs)
    done = tail(store, "t", "--json", *options)

    assert numbers(done.stdout) == expected
    assert done.returncode == (0 if expected else 1)


CLOCKS = CLOCK_PREFIX + b'"args":{"monotonic_us":0,"boottime_us":0,"realtime_us":%d}}\n'
NAMES = b'{"ph":"M","name":"%s","pid":7,"tid":1,"args":{"name":"%s"}}\n'


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("line == 2 || line == 5", [1, 3]),
        ("line > 6", []),
        ("time == 1700000000000001", [1]),
        ("time >= 1800000000000000", [3]),
        ("time == null", []),
        ('process == "make"', [1, 3]),  # which is named later
        ('thread == "main"', [1, 3]),
        ('service == "make"', [1]),
        ('service == "db"', [3]),
        ('service == ""', [2]),
        ('trace == "t"', [1, 2, 3]),
    ],
)
@pytest.mark.parametrize("kind", ["log", "document", "growing"])
def test_conditions_read_what_stands_in_other_lines(where: str, expected: list[int], kind: str, store: Path) -> None:
    last = b'{"ph":"X","name":"c","pid":7,"tid":1,"ts":3,"dur":1,"args":{"service":"db"}}\n'
    lines = [
        CLOCKS % 1_700_000_000_000_000,
        SPAN % (b"a", 7, 1, 1),
        SPAN % (b"b", 8, 2, 1),
        CLOCKS % 1_800_000_000_000_000,
    ]
    log = b"".join([*lines, last, NAMES % (b"process_name", b"make") + NAMES % (b"thread_name", b"main")])
    if kind == "document":
        (store / "t").write_bytes(b"[" + b",".join(log.splitlines()) + b"]")
        where = where.replace('"t"', json.dumps(str(store / "t")))
    else:
        (store / "t.jsonl").write_bytes(log)
    name = store / "t" if kind == "document" else Path("t")
    where = f'ph == "X" && ({where})'
    if kind == "growing":
        with following(store, store / "out", "t", "-n", "10", "--where", f"({where}) || ts_us == 9") as running:
            with (store / "t.jsonl").open("ab") as file:
                file.write(SPAN % (b"d", 9, 9, 1))
            running.wait_for([*expected, 9])
        return
    done = tail(store, name, "--json", "--where", where)

    assert numbers(done.stdout) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dur > 5", '1:1: "dur" is no column of these events; did you mean "dur_us"?'),
        ("name == 'x'", """1:9: expected a value, not "'"; did you mean "?"""),
    ],
)
def test_a_wrong_condition_is_one_line_with_its_place(text: str, message: str, store: Path) -> None:
    done = tail(store, "--where", text)

    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode() == f"Error: --where:{message}\n"


@pytest.mark.parametrize(
    ("level", "shown"),
    [("FATAL", "critical"), ("Error", "error"), ("warn", "warning"), ("NOTICE", "info"), ("", "info")],
)
def test_levels_go_by_other_names_too(level: str, shown: str, store: Path) -> None:
    (store / "t.jsonl").write_bytes(
        b'{"ph":"i","name":"n","cat":"log","ts":1,"args":{"level":"%s"}}\n' % level.encode()
    )

    assert tail(store, "t", "--level", shown).stdout.split()[2] == shown.encode()


ODD = (
    b"garbage\n\n \n[1]\n1\nnull\n\xff\xfe\n"
    b'{"ph":1,"ts":true,"name":null,"pid":1.5,"dur":"x","args":7}\n'
    b'{"ph":"","ts":1e300,"pid":"p","name":"wild"}\n'
    b'{"ph":"\\u001b[31m","ts":"12","name":"\\u001b]0;x\\u0007\xc2\x9b31m","args":{"\\u202e":"\xe2\x80\xae\xc2\x9b"}}\n'
    b'{"name":"\xff","ts":-5}\n{}\n'
    b'{"ts":1e308,"dur":1e308}\n{"ts":-1e308,"dur":-1e300}\n{"ts":1e999,"name":["a",1e999]}\n'
    b'{"ts":1' + b"0" * 400 + b',"dur":1' + b"0" * 400 + b',"pid":1' + b"0" * 4000 + b"}\n"
    b'{"name":"' + b"long" * 1000 + b'","args":{"k":"' + "\u20ac".encode() * 1000 + b'"}}\n{"torn'
)


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--json"],
        ["--name", "*"],
        ["--level", "debug"],
        ["--min-dur", "1ns"],
        ["--where", "ts_us / dur_us * pid == args.k || args != name && level < message || true"],
    ],
)
def test_odd_lines_are_harmless_and_told_once(options: list[str], tmp_path: Path) -> None:
    (tmp_path / "o\x1b[1m.jsonl").write_bytes(EXAMPLE.read_bytes() + ODD + b"\n")
    done = tail(tmp_path, "-n", "100", *options)

    assert done.returncode == 0, done.stderr
    assert done.stdout
    for line in done.stdout.decode().splitlines():
        assert options == ["--json"] or (line.isprintable() and len(line) < 900)
        assert options != ["--json"] or json.loads(line)["event"] is not None
    name = r"o\x1b[1m"
    told = f"{name}: a line is no event and is left out; `tracerd check {name}` lists it\n"
    assert done.stderr.decode() in (told, "")
    assert options or (done.stderr.decode(), len(done.stdout.splitlines())) == (told, 9 + 10)


def test_processes_are_named_though_that_was_long_ago(store: Path) -> None:
    named = b'{"ph":"M","name":"process_name","pid":7,"args":{"name":"compiler"}}\n'
    (store / "t.jsonl").write_bytes(named + SPAN % (b"a", 7, 1, 1) * 5000)

    assert b"  compiler 7  " in tail(store, "t", "-n", "1").stdout
    done = tail(store, "t", "-n", "4999")
    assert done.stdout.count(b"  compiler 7  ") == len(done.stdout.splitlines()) == 4999
    assert done.stderr == b""


def test_colour_is_for_terminals_only() -> None:
    command = [sys.executable, "-m", "tracerd", "tail", str(EXAMPLE)]

    assert b"\x1b[33mwarning" in on_a_terminal(*command)
    assert b"\x1b" not in on_a_terminal(*command, NO_COLOR="1")
    assert b"\x1b" not in on_a_terminal(*command, "--json")
    assert b"\x1b" not in tail(EXAMPLE.parent, EXAMPLE).stdout


@pytest.mark.parametrize(
    ("redirection", "reason"), [(">&-", "it is closed"), (">/dev/full", "No space left on device")]
)
def test_stdout_that_takes_nothing_is_one_line(redirection: str, reason: str, store: Path) -> None:
    command = f'exec "{sys.executable}" -m tracerd tail -d "{store}" {redirection}'
    done = subprocess.run(["sh", "-c", command], capture_output=True, check=False, timeout=PATIENCE_S)

    assert done.returncode == 1
    assert re.fullmatch(f"Error: cannot write.*: {reason}\n", done.stderr.decode())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none"], "no trace 'none' in SPOOL; `tracerd list` shows what is there"),
        (["o"], "'o' fits 2 traces (old, other ...); give more of the id"),
        (["o", "-f"], "'o' fits 2 traces (old, other ...); give more of the id"),
        (["empty"], "the trace empty has no events"),
        (["damaged"], "the trace damaged has no events"),
        (["old", "--name", "x"], "the trace old has no event that passes"),
        (["a b", "-f"], "a trace id must not contain blanks"),
        (["SPOOL/none.jsonl", "-f"], "there is no log SPOOL/none.jsonl; `tracerd list` shows those that there are"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], message: str, store: Path) -> None:
    for name, content in (("other", event(1)), ("empty", b""), ("damaged", b"garbage\n{torn")):
        (store / f"{name}.jsonl").write_bytes(content)
        os.utime(store / f"{name}.jsonl", (0, 0))
    done = tail(store, *(argument.replace("SPOOL", str(store)) for argument in arguments))

    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode() == f"Error: {message.replace('SPOOL', str(store))}\n"


def test_no_log_at_all_is_one_line(tmp_path: Path) -> None:
    done = tail(tmp_path)
    assert (done.returncode, done.stderr.decode()) == (
        1,
        f"Error: there are no traces in {tmp_path} yet; `tracerd exec CMD` records one\n",
    )


@pytest.mark.parametrize(
    "arguments",
    [["a", "b"], ["-n"], ["-n", "-1"], ["-n", "x"], ["--level", "loud"], ["--level"], ["--name"], ["--pid"],
     ["--min-dur", "5"], ["--min-dur", "5 parsecs"], ["--min-dur"], ["--json=1"], ["-d"]],
)  # fmt: skip
def test_misuse_exits_2(arguments: list[str]) -> None:
    done = invoke("tail", *arguments)
    assert (done.returncode, done.stdout) == (2, b"")


def test_output_names_no_trace_if_only_one_is_meant(store: Path) -> None:
    assert b"old" not in tail(store, "old").stdout
    assert all(line.split()[1] == b"new" for line in tail(store).stdout.splitlines())
