"""Each git that a command of `tracerd exec` runs records itself: a few quick ones; docs/git.md."""

import os
import signal
from collections.abc import Iterator

import pytest

from tests.exec.gits import CATS, check_recorded, codes_of, gits_of, hooks_of, log_of, make_repository, names_of
from tests.exec.sandbox import TRACERD, Sandbox, args, own_sandbox
from tests.harness import PATIENCE_S
from tests.perfetto.judge import Judge

PRINT = 'echo "${GIT_TRACE2_EVENT-unset} ${GIT_TRACE2_PARENT_SID-unset}"'


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A place with a repository and a running daemon."""
    with own_sandbox() as made:
        make_repository(made, "r")
        made.serve()
        yield made


def test_a_commit_with_a_hook(sandbox: Sandbox, perfetto: Judge) -> None:
    done = sandbox.exec(
        "--trace", "commit", "-o", "c.json", "git", "-C", "r", "commit", "-q", "--allow-empty", "-m", "m"
    )
    assert (done.returncode, done.stderr) == (0, b"")
    events = check_recorded(sandbox, "commit")
    assert names_of(events)[0] == "git commit"
    assert "git rev-parse" in names_of(events)
    assert hooks_of(events) == ["hook: pre-commit"]
    assert set(codes_of(events)) == {0}
    [exec_span] = [event for event in events if event["ph"] == "X" and event["cat"] == "process"]
    commit = gits_of(events)[0]
    assert (commit["pid"], commit["tid"]) == (exec_span["pid"], exec_span["tid"])
    expected = len([event for event in events if str(event["ph"]) in "Xib"])
    count = "select count(*) from slice"
    nested = "select p.name from slice c join slice p on c.parent_id = p.id where c.name = 'git commit'"
    [slices, parents], problems = perfetto.examine(sandbox.home / "c.json", count, nested)
    assert (slices, parents, problems) == ([[expected]], [["git"]], {})


@pytest.mark.parametrize("way", ["--all", "--shim=git"])
def test_a_git_that_exec_records_too_is_one_step(sandbox: Sandbox, way: str) -> None:
    trace = way.strip("-").partition("=")[0]
    done = sandbox.exec(
        way, "--trace", trace, "--", "sh", "-c", "cd r; git log >/dev/null; git commit -q --allow-empty -m m"
    )
    assert done.returncode == 0
    if b"strace" in done.stderr:
        pytest.skip("strace may not trace here")
    events = check_recorded(sandbox, trace)
    outer = {event["pid"]: event for event in events if event["ph"] == "X" and event["cat"] == "process"}
    both = [git for git in gits_of(events) if git["pid"] in outer]
    assert len(both) == (4 if way == "--all" else 2)
    for git in both:
        around = outer[git["pid"]]
        begin, end = float(str(git["ts"])), float(str(git["ts"])) + float(str(git["dur"]))
        assert around["tid"] == git["tid"]
        assert float(str(around["ts"])) <= begin <= end <= float(str(around["ts"])) + float(str(around["dur"]))
    summary = sandbox.run(TRACERD, "summary", trace).stdout.decode()
    assert f"{len(outer)} steps, {len(outer)} processes" in summary
    critical = sandbox.run(TRACERD, "critical", trace).stdout.decode()
    assert [line.split()[-1] for line in critical.splitlines() if "git commit" in line]
    assert "region" not in summary + critical


def test_other_commands_have_nothing_of_git(sandbox: Sandbox) -> None:
    sandbox.exec("--trace", "other", "true")
    assert not [event for event in log_of(sandbox, "other") if event.get("cat") in CATS]


@pytest.mark.parametrize("options", [["--no-git"], ["--args", "name"], ["--args", "none"]])
def test_git_can_be_left_alone(sandbox: Sandbox, options: list[str]) -> None:
    """Also by execs inside, which would set it up anew."""
    trace = "-".join(options).strip("-")
    script = f"{PRINT}; '{TRACERD}' exec -- sh -c '{PRINT}; git -C r log >/dev/null'"
    done = sandbox.exec("--trace", trace, *options, "--", "sh", "-c", script)
    assert done.stdout == b"unset unset\n" * 2
    assert not [event for event in log_of(sandbox, trace) if event.get("cat") in CATS]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({}, False),
        ({"GIT_TRACE2_EVENT": "/elsewhere"}, True),
        ({"GIT_TRACE2_EVENT": ""}, True),
        ({"GIT_TRACE2_EVENT": "0", "GIT_TRACE2_PARENT_SID": "x"}, True),
        ({"GIT_TRACE2_PARENT_SID": "x"}, True),
        ({"GIT_TRACE2_EVENT": "af_unix:stream:{socket}"}, False),
        ({"GIT_TRACE2_EVENT": "af_unix:stream:{socket}", "GIT_TRACE2_PARENT_SID": "git-2026/y"}, False),
    ],
)
def test_variables_that_are_set_stay(sandbox: Sandbox, given: dict[str, str], kept: bool) -> None:
    place = f"af_unix:stream:{sandbox.socket}"
    given = {name: value.format(socket=sandbox.socket) for name, value in given.items()}
    done = sandbox.exec("--trace", "given", "sh", "-c", PRINT, env=sandbox.environ | given)
    found = [given.get(name, "unset") for name in ("GIT_TRACE2_EVENT", "GIT_TRACE2_PARENT_SID")]
    assert done.stdout.decode().rstrip("\n").split(" ") == (found if kept else [place, "given"])


def test_an_exec_of_another_trace_takes_its_gits(sandbox: Sandbox) -> None:
    sandbox.exec("--trace", "outer", "sh", "-c", f"'{TRACERD}' exec --trace inner git -C r log >/dev/null")
    assert names_of(log_of(sandbox, "outer")) == []
    assert names_of(log_of(sandbox, "inner")) == ["git log"]


def test_no_secret_is_in_the_log(sandbox: Sandbox) -> None:
    url = "https://ada:hunter2@127.0.0.1:1/x"
    script = (
        f"git -c http.extraHeader='X-Team: hunter2' ls-remote {url}; git -C r remote add o {url}; git -C r fetch o; :"
    )
    environ = sandbox.environ | {"GIT_TRACE2_CONFIG_PARAMS": "remote.*,http.*", "GIT_TERMINAL_PROMPT": "0"}
    sandbox.exec("--trace", "secret", "sh", "-c", script, env=environ)
    log = (sandbox.logs / "secret.jsonl").read_bytes()
    assert b"git ls-remote" in log
    assert b"remote.o.url=https://***@" in log
    assert b"hunter2" not in log


def test_a_shell_may_record_every_git(sandbox: Sandbox) -> None:
    """As docs/git.md has it: a trace a day, or one for each command; and each in a trace of its own under exec."""
    place = {"GIT_TRACE2_EVENT": f"af_unix:stream:{sandbox.socket}"}
    before = set(sandbox.logs.iterdir())
    for command in ("log", "status"):
        sandbox.run("git", "-C", "r", command, env=sandbox.environ | place | {"GIT_TRACE2_PARENT_SID": "git-today"})
    sandbox.run("git", "-C", "r", "branch", env=sandbox.environ | place)
    sandbox.exec("--trace", "after", "true")  # its acknowledgement comes after all that was written before
    new = {path.name for path in set(sandbox.logs.iterdir()) - before} - {"git-today.jsonl", "after.jsonl"}
    assert names_of(log_of(sandbox, "git-today")) == ["git log", "git status"]
    [own] = new
    assert names_of(log_of(sandbox, own.removesuffix(".jsonl"))) == ["git branch"]


def test_a_git_that_was_killed_has_begun(sandbox: Sandbox) -> None:
    """It waits for its editor, which kills it."""
    environ = sandbox.environ | {"GIT_EDITOR": "kill -9 $PPID; :"}
    script = "git -C r -c core.hooksPath=/none commit --allow-empty; :"
    sandbox.exec("--trace", "killed", "sh", "-c", f"set -m; {script}", env=environ)
    shown = sandbox.run(TRACERD, "show", "killed").stdout.decode()
    assert "git commit" in shown
    assert not [git for git in gits_of(log_of(sandbox, "killed")) if git["name"] == "git commit"]


def test_a_daemon_that_is_stopped_reads_nothing_and_git_ends_well(sandbox: Sandbox) -> None:
    """What git has written is in the trace when the daemon goes on."""
    environ = sandbox.environ | {
        "GIT_TRACE2_EVENT": f"af_unix:stream:{sandbox.socket}",
        "GIT_TRACE2_PARENT_SID": "later",
    }
    daemon = sandbox.daemon_pid()
    assert daemon is not None
    os.kill(daemon, signal.SIGSTOP)
    try:
        for command in (["status"], ["log"], ["commit", "-q", "--allow-empty", "-m", "m"], ["nosuch"]):
            done = sandbox.run("git", "-C", "r", *command, env=environ, timeout=PATIENCE_S)
            assert done.returncode == (command == ["nosuch"])
    finally:
        os.kill(daemon, signal.SIGCONT)
    sandbox.exec("--trace", "afterwards", "true")
    events = check_recorded(sandbox, "later")
    assert {"git status", "git log", "git commit"} <= set(names_of(events))


def test_without_a_daemon_git_is_as_ever(sandbox: Sandbox) -> None:
    environ = sandbox.environ | {"TRACERD_SOCKET": str(sandbox.home / "none")}
    done = sandbox.exec("--no-start", "sh", "-c", PRINT, env=environ)
    assert done.stdout == b"unset unset\n"
    environ |= {"GIT_TRACE2_EVENT": f"af_unix:stream:{sandbox.home}/none"}
    done = sandbox.run("git", "-C", "r", "log", "-1", "--format=%s", env=environ)
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_exit_code_of_git_is_in_the_trace(sandbox: Sandbox) -> None:
    done = sandbox.exec("--trace", "code", "git", "-C", "r", "rev-parse", "--verify", "-q", "nosuch")
    assert done.returncode == 1
    [git] = gits_of(check_recorded(sandbox, "code"))
    assert args(git)["exit_code"] == 1
