"""`tracerd exec`: what a command notices of it (nothing), and what is recorded."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.exec.sandbox import TRACERD, Sandbox, own_sandbox
from tests.harness import PATIENCE_S, wait_until
from tests.perfetto.judge import Judge


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with own_sandbox() as made:
        made.serve()
        yield made


# ------------------------------------------------------------------ the end of the command


@pytest.mark.parametrize("code", [0, 1, 126, 127, 130, 143, 255])
def test_exit_codes_pass_through(sandbox: Sandbox, code: int) -> None:
    done = sandbox.sh(f"exit {code}")

    assert (done.returncode, done.stdout, done.stderr) == (code, b"", b"")
    assert sandbox.args("sh")["exit_code"] == code


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV, signal.SIGPIPE, 40])
def test_deaths_by_signal_pass_through_without_a_core(sandbox: Sandbox, number: int) -> None:
    done = sandbox.sh(f"ulimit -c unlimited; kill -{int(number)} $$")

    assert (done.returncode, done.stderr) == (-number, b"")
    expected = signal.Signals(number).name if number < 32 else "SIG40"
    assert sandbox.args("sh")["signal"] == expected
    assert not list(sandbox.home.glob("core*.tracerd"))


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("no-such-program", 127, "no-such-program: No such file or directory"),
        ("/no/such/program", 127, "/no/such/program: No such file or directory"),
        ("/etc/passwd", 126, "/etc/passwd: Permission denied"),
        ("/etc", 126, "/etc: Permission denied"),
        ("a\x1b[31mb", 127, r"a\x1b[31mb: No such file or directory"),
    ],
)
def test_a_command_that_cannot_be_started_is_told_in_one_line(
    sandbox: Sandbox, command: str, code: int, said: str
) -> None:
    done = sandbox.exec("-o", "t.json", "--", command)

    assert (done.returncode, done.stdout, done.stderr.decode()) == (code, b"", f"tracerd exec: {said}\n")
    [span] = sandbox.spans()
    assert sandbox.args(span)["exit_code"] == code


def test_a_script_without_a_first_line_is_run_as_a_shell_would(sandbox: Sandbox) -> None:
    script = sandbox.home / "bare"
    script.write_text('echo "$0" "$@"\n')
    script.chmod(0o755)
    assert sandbox.exec("./bare", "a", "b").stdout == b"./bare a b\n"


# ------------------------------------------------------------------ what the command is given


def test_pipes_are_byte_exact(sandbox: Sandbox) -> None:
    """100 MB through stdin and stdout, and as much again to stderr, with all 256 values of a byte."""
    block = bytes(range(256)) * 4096
    digest = hashlib.sha256(block * 100).hexdigest()
    feed = [sys.executable, "-c", "import sys\nfor _ in range(100): sys.stdout.buffer.write(bytes(range(256)) * 4096)"]
    script = f"'{TRACERD}' exec -- sh -c 'tee /dev/fd/2' 2>err >out; sha256sum out err | cut -c1-64; exit 0"
    with subprocess.Popen(feed, stdout=subprocess.PIPE) as source:
        done = sandbox.run("sh", "-c", script, stdin=source.stdout)
    (sandbox.home / "out").unlink()
    (sandbox.home / "err").unlink()

    assert done.stdout.decode().split() == [digest, digest]


LOOK = """
import json, os, resource, signal, sys
print(json.dumps({
    "argv": [os.fsencode(a).hex() for a in sys.argv[1:]],
    "fds": sorted(os.listdir("/proc/self/fd")),
    "environ": open("/proc/self/environ", "rb").read().hex(),
    "signals": [l for l in open("/proc/self/status") if l.startswith(("SigBlk", "SigIgn"))],
    "umask": os.umask(0), "group": os.getpgid(0), "session": os.getsid(0), "cwd": os.getcwd(),
    "limits": [resource.getrlimit(n) for n in range(10)], "nice": os.nice(0),
}))
"""


def looked(sandbox: Sandbox, *prefix: str | Path, **options: object) -> dict[str, object]:
    """What a program finds when it is started so."""
    argv = [b"\xff\xfe", b"", b"a b\n", "\u00e9".encode(), b"--", b"-o"]
    command = [*prefix, sys.executable, "-IS", "-c", LOOK]
    done = sandbox.run(*command, *map(os.fsdecode, argv), **options)
    assert done.stderr == b""
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("way", ["", "--all"])
def test_a_command_finds_everything_as_without_exec(sandbox: Sandbox, way: str) -> None:
    """Also where Python itself would change it: LC_CTYPE in the C locale, SIGPIPE."""
    if way and shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    environ = {**sandbox.environ, "LC_ALL": "", "LANG": "C", "odd-name.x": "\udcff", "EMPTY": ""}
    for name in ("LC_ALL", "LC_CTYPE"):
        environ.pop(name, None)
    with open("/etc/passwd", "rb") as inherited:
        options: dict[str, object] = {"env": environ, "umask": 0o027, "pass_fds": [inherited.fileno()]}
        plain = looked(sandbox, **options)
        under = looked(sandbox, TRACERD, "exec", *filter(None, [way]), "--", **options)

    def variables(found: dict[str, object]) -> set[bytes]:
        return set(bytes.fromhex(str(found.pop("environ"))).split(b"\0"))

    added = variables(under) - variables(plain)
    assert {entry.partition(b"=")[0].decode() for entry in added} == {
        "TRACERD_TRACE_ID",
        "TRACERD_PARENT",
        "TRACEPARENT",
        "TRACE_TEF_TLDR_TRACE_ID",
        "TRACE_TEF_TLDR_SOCKET",
        "TRACERD_EXEC_ARGS",
    } | ({"TRACERD_EXEC_ALL"} if way else set())
    assert under == plain


def test_closed_standard_descriptors_stay_closed(sandbox: Sandbox) -> None:
    look = "ls /proc/self/fd"
    plain = sandbox.run("sh", "-c", f"exec 2>/dev/null; {look} <&-")
    under = sandbox.run("sh", "-c", f"exec 2>/dev/null; '{TRACERD}' exec -- {look} <&-")
    assert under.stdout == plain.stdout

    silent = sandbox.run("sh", "-c", f"'{TRACERD}' exec -o t.json -- sh -c 'exit 3' <&- >&- 2>&-")
    assert (silent.returncode, sandbox.spans()) == (3, ["sh"])


# ------------------------------------------------------------------ what is recorded


def test_a_span_tells_of_its_command(sandbox: Sandbox) -> None:
    burn = "t=b'x' * 50_000_000\nfor _ in range(2_000_000): pass"
    sandbox.exec("-o", "t.json", "--", sys.executable, "-c", burn)
    [span] = sandbox.spans()
    args = sandbox.args(span)

    assert span == Path(sys.executable).name
    assert args["argv"] == [sys.executable, "-c", burn]
    assert args["cwd"] == os.path.realpath(sandbox.home)
    assert args["exit_code"] == 0
    assert float(str(args["user_s"])) > 0.01
    assert float(str(args["system_s"])) > 0
    assert 50_000_000 < int(str(args["peak_memory_bytes"])) < 500_000_000
    assert len(str(args["span"])) == 16


@pytest.mark.parametrize(
    ("command", "process"),
    [
        (["true"], "true"),
        (["sleep", "0"], "sleep 0"),
        (["sh", "-c", "true; true"], "sh"),
        (["true", "-c", "src/a.c", "-o", "obj/a.o"], "true a.o"),
        (["true", "a", "b"], "true"),
    ],
)
def test_processes_are_named(sandbox: Sandbox, command: list[str], process: str) -> None:
    sandbox.exec("-o", "t.json", *command)
    [named] = [event["args"] for event in sandbox.events() if event["ph"] == "M" and event["name"] == "process_name"]
    assert named == {"name": process}


def test_a_name_can_be_chosen(sandbox: Sandbox) -> None:
    sandbox.exec("-o", "t.json", "--name", "nightly", "true")
    assert sandbox.spans() == ["nightly"]


SECRET = "hunter2"  # noqa: S105 (a password for a test of passwords)


@pytest.mark.parametrize("shown", ["full", "name", "none"])
def test_what_is_recorded_of_a_command_line(sandbox: Sandbox, shown: str) -> None:
    words = ["sh", "-c", "exec true", "--password", SECRET, f"API_KEY={SECRET}"]
    sandbox.exec("-o", "t.json", "--trace", f"a-{shown}", "--args", shown, *words, env={**sandbox.environ, "X": SECRET})
    [span] = sandbox.spans()
    args = sandbox.args(span)

    if shown == "full":
        assert args["argv"] == ["sh", "-c", "exec true", "--password", "***", "API_KEY=***"]
    else:
        assert "argv" not in args
        assert "cwd" not in args
        assert span == ("sh" if shown == "name" else "command")
    assert SECRET not in (sandbox.logs / f"a-{shown}.jsonl").read_text()


def test_nested_execs_record_no_more_than_the_outermost(sandbox: Sandbox) -> None:
    sandbox.sh(f"'{TRACERD}' exec -- true", "--args", "name")
    assert sandbox.spans() == ["sh", "true"]
    assert "argv" not in sandbox.args("true")


def test_a_very_long_command_line_is_cut(sandbox: Sandbox) -> None:
    done = sandbox.exec("-o", "t.json", "--", "true", *["x" * 1000] * 200)
    args = sandbox.args("true")

    assert done.returncode == 0
    assert str(args["argv"]) == str(["true", *["x" * 1000] * 65])
    assert args["argv_left_out"] == 201 - 66


def test_bytes_that_are_no_text_are_recorded(sandbox: Sandbox) -> None:
    sandbox.exec("-o", "t.json", "--", "true", "\udcff", '"\\\n\x1b', "\u00e9\U0001f600")
    assert sandbox.args("true")["argv"] == ["true", "\ufffd", '"\\\n\x1b', "\u00e9\U0001f600"]


def test_five_nested_execs_draw_five_levels(sandbox: Sandbox, perfetto: Judge) -> None:
    command = [*[str(TRACERD), "exec", "--"] * 4, "true"]
    sandbox.exec("-o", "t.json", "--", *command)
    rows, problems = perfetto.examine(
        sandbox.home / "t.json",
        "select p.name, s.name from slice s join thread_track t on s.track_id = t.id "
        "join thread using (utid) join process p using (upid) order by s.ts",
        "select a.ts < b.ts from flow f join slice a on f.slice_out = a.id join slice b on f.slice_in = b.id "
        "order by a.ts",
        "select count(*) from process where name is not null",
    )

    assert problems == {}
    assert b"nothing to fix" in sandbox.run(TRACERD, "check", "latest").stdout
    assert [row[1] for row in rows[0]] == ["tracerd"] * 4 + ["true"]
    assert rows[1] == [[1]] * 4  # each begins an arrow to the next
    assert rows[2] == [[5]]


def test_variables_lead_to_the_trace(sandbox: Sandbox) -> None:
    names = "$TRACERD_TRACE_ID $TRACERD_SOCKET $TRACERD_PARENT $TRACE_TEF_TLDR_TRACE_ID $TRACE_TEF_TLDR_SOCKET"
    done = sandbox.sh(f"echo {names} $TRACEPARENT $$")
    trace_id, socket, parent, tldr_id, tldr_socket, w3c, pid = done.stdout.decode().split()

    assert (socket, tldr_id, tldr_socket) == (str(sandbox.socket), trace_id, str(sandbox.socket))
    assert parent == sandbox.args("sh")["span"]
    assert int(parent[:8], 16) == int(pid)
    assert w3c == f"00-{trace_id[-32:]}-{parent}-01"
    assert (sandbox.logs / f"{trace_id}.jsonl").exists()


def test_traceparent_of_a_trace_without_w3c_digits_is_the_same_each_time(sandbox: Sandbox) -> None:
    ids = {sandbox.exec("--trace", "my-build", "sh", "-c", "echo $TRACEPARENT").stdout.split(b"-")[1] for _ in range(2)}
    [number] = ids
    assert len(number) == 32
    assert int(number, 16)


W3C = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"


@pytest.mark.parametrize(
    ("given", "flags"),
    [(f"00-{W3C}-{SPAN}-00", "00"), (f"00-{W3C}-{SPAN}-03", "03"), (f"cc-{W3C}-{SPAN}-01-what-is-to-come", "01")],
)
def test_the_w3c_context_that_comes_in_is_continued(sandbox: Sandbox, given: str, flags: str) -> None:
    """Within exec's own trace, within one that was named, and within an exec that is nested in it."""
    environ = {**sandbox.environ, "TRACEPARENT": given, "TRACESTATE": "congo=t61rcWkgMzE"}
    print_all = "echo $TRACERD_TRACE_ID $TRACESTATE $TRACEPARENT $TRACERD_PARENT"
    nested = f"{print_all}; '{TRACERD}' exec -- sh -c '{print_all}'"
    own = sandbox.exec("sh", "-c", nested, env=environ).stdout.decode().splitlines()
    named = sandbox.exec("--trace", "named", "sh", "-c", print_all, env=environ).stdout.decode().splitlines()
    spans: set[str] = set()
    for line in [*own, *named]:
        trace_id, state, w3c, span = line.split()
        assert state == "congo=t61rcWkgMzE"
        assert w3c == f"00-{W3C}-{span}-{flags}"
        assert trace_id == "named" or re.fullmatch(rf"tr-\d+-{W3C}", trace_id)
        spans.add(span)
    assert len(spans) == 3
    assert SPAN not in spans


@pytest.mark.parametrize(
    "given",
    [
        "",
        f"ff-{W3C}-{SPAN}-01",
        f"00-{W3C}-{SPAN}-01-more",
        f"00-{W3C}-{SPAN}",
        f"00-{W3C}-{'0' * 16}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{W3C.upper()}-{SPAN}-01",
        f"00-{W3C}-{SPAN}-1",
        f"00-{W3C[1:]}-{SPAN}-01",
    ],
)
def test_a_w3c_context_that_is_not_valid_is_replaced(sandbox: Sandbox, given: str) -> None:
    environ = {**sandbox.environ, "TRACEPARENT": given}
    done = sandbox.exec("sh", "-c", "echo $TRACERD_TRACE_ID $TRACEPARENT $TRACERD_PARENT", env=environ)
    trace_id, w3c, span = done.stdout.decode().split()
    assert w3c == f"00-{trace_id[-32:]}-{span}-01"
    assert W3C not in w3c


def test_the_trace_of_the_environment_is_joined(sandbox: Sandbox) -> None:
    sandbox.exec("true", env={**sandbox.environ, "TRACERD_TRACE_ID": "joined"})
    sandbox.exec("-o", "t.json", "false", env={**sandbox.environ, "TRACERD_TRACE_ID": "joined"})
    assert sandbox.spans() == ["true", "false"]


def test_a_trace_id_that_is_none_is_told_and_replaced(sandbox: Sandbox) -> None:
    done = sandbox.exec("-o", "t.json", "true", env={**sandbox.environ, "TRACERD_TRACE_ID": "a/b"})
    line = b"tracerd exec: TRACERD_TRACE_ID: a trace id must not contain '/'; this command begins a new trace\n"
    assert (done.returncode, done.stderr) == (0, line)
    assert sandbox.spans() == ["true"]


def test_another_trace_than_that_of_the_parent_has_no_arrow(sandbox: Sandbox) -> None:
    sandbox.sh(f"'{TRACERD}' exec --trace apart -o u.json -- true")
    assert sandbox.spans() == ["sh"]
    assert {str(event["ph"]) for event in sandbox.events("u.json")} == {"M", "X"}


@pytest.mark.parametrize("times", [10, pytest.param(100, marks=pytest.mark.long)])
def test_the_file_is_complete_each_time(sandbox: Sandbox, times: int) -> None:
    """Each process that ended before the outermost command is in the file when exec returns: the promise is 100 times.

    Ten times in a usual run; `-m long` has all hundred.
    """
    script = f"for i in 1 2; do '{TRACERD}' exec --name $i -- true & done; wait"
    runs = [sandbox.sh(script).returncode == 0 and sorted(sandbox.spans()) for _ in range(times)]
    assert runs == [["1", "2", "sh"]] * times


def test_late_processes_refresh_the_file(sandbox: Sandbox) -> None:
    late = f"'{TRACERD}' exec --name late -- cat"
    with subprocess.Popen(
        [
            TRACERD,
            "exec",
            "--follow",
            "-o",
            "f.json",
            "--",
            "sh",
            "-c",
            f"exec 3<&0; {late} <&3 & echo $TRACERD_PARENT",
        ],
        env=sandbox.environ,
        cwd=sandbox.home,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    ) as process:
        assert process.wait(PATIENCE_S) == 0
        assert sandbox.spans("f.json") == ["sh"]
        assert process.stdin
        process.stdin.close()
        wait_until(lambda: sandbox.spans("f.json") == ["sh", "late"], "the file to be written again")


# ------------------------------------------------------------------ the command line


WORDS = [
    ["true"],
    ["--", "true", "-x"],
    ["true", "--", "-o"],
    ["-o", "a.json", "--name", "n", "--", "-odd"],
    ["--output=a.json", "--args=none", "--follow", "true"],
    ["--trace", "t", "--all", "--shim", "cc,ld", "--no-start", "x"],
    ["--name=", "-"],
]


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_the_short_way_and_click_understand_the_same(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from tracerd.cli.exec_command import exec_command
    from tracerd.exec.options import Options, parse

    understood: list[Options] = []
    monkeypatch.setattr("tracerd.exec.run.run", understood.append)
    exec_command.main(words, standalone_mode=False)
    by_short_way = parse(words)

    assert by_short_way
    assert vars(by_short_way) == vars(understood[0])


def test_the_short_way_knows_every_option() -> None:
    from tracerd.cli import main
    from tracerd.exec.options import FLAGS, LONG, WITH_VALUE

    names = {name for parameter in main.commands["exec"].params for name in parameter.opts if name.startswith("-")}
    assert names == {*FLAGS, *WITH_VALUE, *LONG}


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--"],
        ["-o"],
        ["--no-such", "x"],
        ["--follow", "x"],
        ["-o", "", "x"],
        ["--args", "y", "x"],
        ["--trace", "/", "x"],
    ],
)
def test_misuse_exits_2_with_click_s_words(sandbox: Sandbox, words: list[str]) -> None:
    done = sandbox.exec(*words)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"Error: " in done.stderr
    assert b"Traceback" not in done.stderr
