"""Larger commands of real gits: each ends as without the recording, and its trace is right."""

from collections.abc import Iterator

import pytest

from tests.exec.gits import check_recorded, codes_of, gits_of, hooks_of, log_of, make_repository, names_of
from tests.exec.sandbox import TRACERD, Sandbox, args, own_sandbox
from tests.harness import wait_until
from tests.perfetto.judge import Judge

pytestmark = pytest.mark.tools

MANY = "git init -q many; cd many; mkdir d; seq 1500 | while read i; do echo $i >d/$i; done; git add .; cd .."
"""Loose objects, so many that `gc --auto` has something to do."""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A place with a repository, one that has it as a submodule, and a running daemon."""
    with own_sandbox() as made:
        make_repository(made, "r", commits=12)
        make_repository(made, "sub")
        done = made.run(
            "sh", "-euc", f"cd r; git submodule --quiet add ../sub sub; git commit -q -m sub; cd ..; {MANY}"
        )
        assert done.returncode == 0, done.stderr
        made.serve()
        yield made


@pytest.mark.parametrize(
    ("name", "script", "gits", "hooks"),
    [
        ("clone", "git clone -q --no-local r new", {"git clone", "git upload-pack", "git index-pack"}, 0),
        ("rebase", "GIT_SEQUENCE_EDITOR=true git -C r rebase -q -i -f HEAD~5", {"git rebase"}, 0),
        ("exec", "cd r; GIT_SEQUENCE_EDITOR=: git rebase -q -i --exec 'git log -1 >/dev/null' HEAD~3", {"git log"}, 0),
        ("gc", "git -C r gc -q", {"git gc", "git repack", "git pack-objects"}, 0),
        ("status", "git -C r status", {"git status"}, 0),
        ("log", "git -C r log --stat", {"git log"}, 0),
        ("commit", "git -C r commit -q --allow-empty -m m", {"git commit", "git rev-parse"}, 1),
        ("submodules", "rm -rf c; git clone -q --recurse-submodules r c", {"git clone", "git submodule--helper"}, 0),
        ("fsmonitor", "git -C r -c core.fsmonitor=true status", {"git status"}, 0),
        ("fails", "git -C r merge nosuch; git -C r nosuch; git fetch nowhere", {"git merge"}, 0),
        ("alias", "git -C r -c alias.s='!git status -s' s", {"git status"}, 0),
        ("threads", "git -C r -c index.threads=4 -c core.preloadIndex=true grep -q x; :", {"git grep"}, 0),
    ],
)
def test_a_command(sandbox: Sandbox, perfetto: Judge, name: str, script: str, gits: set[str], hooks: int) -> None:
    plain = sandbox.run("sh", "-c", f"cp -r r kept; ({script}); code=$?; rm -rf r new c; mv kept r; exit $code")
    done = sandbox.exec("--trace", name, "-o", f"{name}.json", "--", "sh", "-c", script)
    assert (done.returncode, done.stdout[:50], done.stderr) == (plain.returncode, plain.stdout[:50], plain.stderr)
    events = check_recorded(sandbox, name)
    assert gits <= set(names_of(events))
    assert len(hooks_of(events)) == hooks
    assert (set(codes_of(events)) == {0}) == (name not in ("fails", "threads"))
    slices = len([event for event in events if str(event["ph"]) in "Xib"])
    [counted], problems = perfetto.examine(sandbox.home / f"{name}.json", "select count(*) from slice")
    assert (counted, problems) == ([[slices]], {})
    checked = sandbox.run(TRACERD, "check", f"{name}.json").stdout
    assert b"nothing to fix" in checked, checked


def test_hooks_and_what_they_run_lie_within_their_git(sandbox: Sandbox) -> None:
    sandbox.exec("--trace", "within", "git", "-C", "r", "commit", "-q", "--allow-empty", "-m", "m")
    events = check_recorded(sandbox, "within")
    spans = {
        str(git["name"]): (int(str(git["ts"])), int(str(git["ts"])) + int(str(git["dur"]))) for git in gits_of(events)
    }
    [(begin, end)] = zip(
        *[
            [int(str(event["ts"])) for event in events if event["ph"] == ph and event["name"] == "hook: pre-commit"]
            for ph in "be"
        ],
        strict=True,
    )
    outer, inner = spans["git commit"], spans["git rev-parse"]
    assert outer[0] <= begin <= inner[0] <= inner[1] <= end <= outer[1]


@pytest.mark.parametrize("way", [[], ["--shim", "git"]])
def test_a_gc_that_goes_on_in_the_background(sandbox: Sandbox, perfetto: Judge, way: list[str]) -> None:
    """Exec does not wait for it, and what it does then does not lie across the span of the process that has ended."""
    trace = "background" + "".join(way)
    environ = sandbox.environ | {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "gc.auto", "GIT_CONFIG_VALUE_0": "1"}
    done = sandbox.exec(
        *way, "--trace", trace, "--", "sh", "-c", "rm -rf m; cp -r many m; git -C m gc --auto", env=environ
    )
    assert done.returncode == 0
    wait_until(lambda: b'"background"' in (sandbox.logs / f"{trace}.jsonl").read_bytes(), "gc to go on")
    wait_until(lambda: len([git for git in gits_of(log_of(sandbox, trace)) if git["name"] == "git gc"]) == 2, "its end")
    events = check_recorded(sandbox, trace)
    first, second = [git for git in gits_of(events) if git["name"] == "git gc"]
    assert first["pid"] == second["pid"]
    assert first["tid"] != second["tid"]
    assert args(second)["exit_code"] == 0
    sandbox.run(TRACERD, "get-tef", trace, "-o", "b.json", "--layout", "processes")
    [counted], problems = perfetto.examine(sandbox.home / "b.json", "select count(*) from slice")
    assert (counted, problems) == ([[len([event for event in events if str(event["ph"]) in "Xib"])]], {})
