"""`tracerd span`, `event`, `counter` and `log`, as scripts call them."""

import json
import re
import socket
import sys
from pathlib import Path

import pytest

from tests.exec.sandbox import TRACERD, Event, Sandbox, args
from tests.exec.test_imports import OURS, SLOW, imported
from tests.harness import short_dir, wait_until
from tests.perfetto.judge import Judge
from tracerd.__main__ import VERBS
from tracerd.exec import verbs
from tracerd.launcher import library

ID = re.compile(r"[0-9a-f]{16}")


def named(sandbox: Sandbox, name: str, phase: str = "") -> Event:
    """The only event of a name."""
    [event] = [
        found for found in sandbox.events() if found.get("name") == name and found["ph"] == (phase or found["ph"])
    ]
    return event


SCRIPT = """
id=$(tracerd span --begin deploy --attr host=a --attr host=b)
tracerd event 'cache "cleared"' --attr reason=disk
tracerd counter files 17
tracerd counter files -2.5
tracerd counter files 9007199254740993
tracerd log --level Warning --attr disk=sda -- '--- 90 % full'
tracerd span 'unit tests' --attr kind=unit -- sh -c 'exit 3' -- --attr x; echo "code $?"
sh -c 'tracerd span --end "$1"' - "$id"
echo "id $id, pid $$"
"""


def test_a_script_adds_to_its_trace(sandbox: Sandbox, perfetto: Judge) -> None:
    done = sandbox.sh(SCRIPT)
    assert done.stderr == b""
    shown = re.fullmatch(r"code 3\nid ([0-9a-f]{16}), pid (\d+)\n", done.stdout.decode())
    assert shown
    span_id, pid = shown[1], int(shown[2])
    assert int(span_id[:8], 16) == pid

    begun, ended = named(sandbox, "deploy"), next(event for event in sandbox.events() if event["ph"] == "e")
    assert (begun["ph"], begun["cat"], begun["pid"], args(begun)) == ("b", "span", pid, {"host": ["a", "b"]})
    assert begun["id2"] == ended["id2"] == {"local": f"0x{span_id}"}
    assert (ended["cat"], ended["pid"]) == ("span", pid)

    event = named(sandbox, 'cache "cleared"')
    assert (event["ph"], event["pid"], args(event)) == ("i", pid, {"reason": "disk"})
    counters = [args(found) for found in sandbox.events() if found["ph"] == "C"]
    assert counters == [{"value": 17}, {"value": -2.5}, {"value": 9007199254740993}]
    line = named(sandbox, "--- 90 % full")
    assert (line["cat"], line["pid"], args(line)) == ("log", pid, {"level": "warning", "disk": "sda"})

    tests = named(sandbox, "unit tests")
    assert (tests["ph"], args(tests)["kind"], args(tests)["exit_code"]) == ("X", "unit", 3)
    assert args(tests)["argv"] == ["sh", "-c", "exit 3", "--", "--attr", "x"]
    durations = "select name, dur from slice where name in ('deploy', 'unit tests') and dur > 0"
    [spans], problems = perfetto.examine(sandbox.home / "t.json", durations)
    assert {name for name, _ in spans} == {"deploy", "unit tests"}
    assert not problems


def test_a_span_of_a_recorded_process_is_there_too(sandbox: Sandbox) -> None:
    """With --all each process is recorded from outside: what the script names is a part of it."""
    done = sandbox.sh("tracerd span tests -- true", "--all")
    assert done.stderr == b""
    tests, process = named(sandbox, "tests", "X"), named(sandbox, "true", "X")
    assert tests["pid"] == process["pid"]
    assert (tests["cat"], process["cat"]) == ("span", "process")


def test_a_span_that_never_ends_stays_open(sandbox: Sandbox) -> None:
    sandbox.sh("tracerd span --begin never")
    assert named(sandbox, "never")["ph"] == "b"
    shown = sandbox.run(TRACERD, "show", "t.json")
    assert b"never [unfinished]" in shown.stdout


NOTHING = [
    (["span", "--begin", "x"], 0, ID),
    (["span", "--end", "00007df12d9334ef"], 0, re.compile("")),
    (["event", "x"], 0, re.compile("")),
    (["counter", "x", "1"], 0, re.compile("")),
    (["log", "x"], 0, re.compile("")),
    (["span", "x", "--", "sh", "-c", "echo hi; exit 4"], 4, re.compile("hi")),
]


@pytest.mark.parametrize("environ", [{}, {"TRACERD_TRACE_ID": "t"}, {"TRACERD_TRACE_ID": "a b"}], ids=str)
@pytest.mark.parametrize(("words", "code", "output"), NOTHING, ids=[words[0] + words[1] for words, *_ in NOTHING])
def test_without_a_daemon_or_a_trace_nothing_happens(
    environ: dict[str, str], words: list[str], code: int, output: "re.Pattern[str]"
) -> None:
    with short_dir() as home:
        sandbox = Sandbox(home)
        done = sandbox.run(TRACERD, *words, env=sandbox.environ | environ)
        assert (done.returncode, done.stderr) == (code, b"")
        assert output.fullmatch(done.stdout.decode().strip())
        assert sandbox.daemon_pid() is None
        assert not sandbox.logs.exists()


def test_a_trace_is_named(sandbox: Sandbox) -> None:
    assert sandbox.run(TRACERD, "log", "hello", "--trace=elsewhere").returncode == 0
    assert sandbox.run(TRACERD, "span", "s", "--trace", "elsewhere", "--", "true").returncode == 0
    log = sandbox.logs / "elsewhere.jsonl"
    wait_until(lambda: log.exists() and b'"ph":"X","name":"s"' in log.read_bytes(), "the span")
    assert b'"hello"' in log.read_bytes()
    assert b"tracerd_trace" not in log.read_bytes(), "a span is not what the trace is about"


WRONG = [
    (["span"], "give NAME -- COMMAND"),
    (["span", "x"], "give NAME -- COMMAND"),
    (["span", "", "--", "true"], "give NAME -- COMMAND"),
    (["span", "--begin", "x", "--", "true"], "give NAME -- COMMAND"),
    (["span", "--end", "xyz"], "'xyz' is not an id that --begin has printed"),
    (["span", "--end", "\x1b[31m"], r"'\x1b[31m' is not an id"),
    (["span", "x", "--attr", "k", "--", "true"], "'k' is not KEY=VALUE"),
    (["event", ""], "NAME must not be empty"),
    (["event", "x", "y"], "unexpected extra argument"),
    (["counter", "x"], "Missing argument 'VALUE'"),
    (["counter", "x", "many"], "'many' is not a number"),
    (["counter", "x", "nan"], "'nan' is not a number"),
    (["counter", "x", "1_000"], "'1_000' is not a number"),
    (["counter", "x", "-inf"], "'-inf' is not a number"),
    (["counter", "x", "1e999"], "'1e999' is not a number"),
    (["log", "--trace", "a/b", "x"], "must not contain '/'"),
    (["exec", "--attr", "x", "--", "true"], "'x' is not KEY=VALUE"),
    (["exec", "--attr", "command=x", "--", "true"], "tracerd itself writes this attribute"),
]


@pytest.mark.parametrize(("words", "message"), WRONG, ids=[" ".join(words) for words, _ in WRONG])
def test_what_is_wrong_is_one_error(sandbox: Sandbox, words: list[str], message: str) -> None:
    done = sandbox.run(TRACERD, *words)
    assert done.returncode == 2
    assert done.stdout == b""
    assert message in done.stderr.decode().replace("\n", " ")


def test_exec_gives_the_trace_attributes(sandbox: Sandbox) -> None:
    sandbox.exec("--trace", "t", "--attr", "user=ci", "--attr=tags=a", "--attr", "tags=b", "--", "true")
    lines = [json.loads(line) for line in (sandbox.logs / "t.jsonl").read_bytes().splitlines()]
    first = next(line["args"] for line in lines if line["name"] == "tracerd_trace")
    assert first == {"user": "ci", "tags": ["a", "b"], "command": "true"}


@pytest.mark.parametrize(
    "words", [["span", "x", "--", "/bin/sh", "-c", "exit 4"], ["event", "x"]], ids=lambda words: words[0]
)
def test_a_verb_imports_no_more_than_exec(sandbox: Sandbox, words: list[str]) -> None:
    main = f"import sys; sys.path.insert(0, {library()!r}); from tracerd.__main__ import main; main(); sys.exit(4)"
    command = [sys.executable, "-IS", "-X", "importtime", "-c", main, *words]
    found = imported(sandbox, *command, TRACERD_TRACE_ID="t")
    assert {name for name in found if name.startswith("tracerd")} <= OURS | {"tracerd.__main__", "tracerd.exec.verbs"}
    assert not found & SLOW


def test_a_verb_never_hurts_a_script(sandbox: Sandbox, tmp_path: Path) -> None:
    """A socket that is a directory, a name that is no text, no /proc: nothing is written, nothing fails."""
    environ = sandbox.environ | {"TRACERD_TRACE_ID": "t", "TRACERD_SOCKET": str(tmp_path)}
    assert sandbox.run(TRACERD, "event", "x", env=environ).returncode == 0
    done = sandbox.sh("tracerd event \"$(printf 'a\\377b')\"; tracerd log \"$(printf 'a\\033b\\nc')\"")
    assert (done.returncode, done.stderr) == (0, b"")
    assert named(sandbox, "a\ufffdb")["ph"] == "i"
    assert named(sandbox, "a\x1bb\nc")["cat"] == "log"


def test_an_id_that_cannot_be_printed_is_one_line(sandbox: Sandbox) -> None:
    done = sandbox.run("sh", "-c", 'exec "$0" span --begin x >&-', TRACERD)
    assert (done.returncode, done.stderr) == (1, b"tracerd span: cannot print the id: Bad file descriptor\n")


def test_a_daemon_that_does_not_read_is_not_waited_for() -> None:
    """With more than its socket holds."""
    with short_dir() as home, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        sandbox = Sandbox(home)
        listener.bind(str(sandbox.socket))
        listener.listen()
        attributes = [word for _ in range(10) for word in ("--attr", f"k={'x' * 100_000}")]
        done = sandbox.run(TRACERD, "log", *attributes, "text", env=sandbox.environ | {"TRACERD_TRACE_ID": "t"})
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_all_verbs_take_the_short_way() -> None:
    assert tuple(verbs.VERBS) == VERBS
