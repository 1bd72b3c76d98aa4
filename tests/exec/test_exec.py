"""`tracerd exec`: a command notices nothing of it; its options."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.exec.sandbox import TRACERD, Sandbox


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
        "GIT_TRACE2_EVENT",
        "GIT_TRACE2_PARENT_SID",
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


W3C = "0af7651916cd43dd8448eb211c80319c"


WORDS = [
    ["true"],
    ["--", "true", "-x"],
    ["true", "--", "-o"],
    ["-o", "a.json", "--name", "n", "--", "-odd"],
    ["--output=a.json", "--args=none", "--follow", "true"],
    ["--trace", "t", "--all", "--shim", "cc,ld", "--no-start", "x"],
    ["--name=", "-"],
    ["--compiler-detail", "--shim=clang", "--collect", "true"],
    ["--attr", "user=ci", "--attr=tags=a=b", "--attr=tags=", "true"],
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
    from tracerd.cli.commands import load
    from tracerd.exec.options import ATTRIBUTE, FLAGS, LONG, WITH_VALUE

    names = {name for parameter in load("exec").params for name in parameter.opts if name.startswith("-")}
    assert names == {*FLAGS, *WITH_VALUE, *LONG, ATTRIBUTE}


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--"],
        ["-o"],
        ["--no-such", "x"],
        ["--follow", "x"],
        ["-o", "", "x"],
        ["-o", "-", "x"],
        ["--args", "y", "x"],
        ["--trace", "/", "x"],
    ],
)
def test_misuse_exits_2_with_click_s_words(sandbox: Sandbox, words: list[str]) -> None:
    done = sandbox.exec(*words)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"Error: " in done.stderr
    assert b"Traceback" not in done.stderr
