"""Every command of every document is run by a test, or stands in a table with the reason why not."""

import glob
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builds.traces import Trace, document
from tests.commands import invoke
from tests.docs.documents import DOCUMENTS, blocks
from tests.docs.shown_commands import ELSEWHERE, EXIT_CODES, NOT_RUN, PAGES
from tests.harness import ROOT

NEVER_HERE = {"exec", "open", "serve", "span", "watch", "web"}
"""Commands that become another program, or that end when they are told to."""

VARIABLE = re.compile(r"([A-Z_]+)=(\S+) ")


def lines_of(path: Path) -> Iterator[str]:
    """The commands of a document: of a console what is behind a prompt, of a shell each line that is not indented."""
    text = path.read_text()
    typed = [line[2:] for block in blocks(text, "console") for line in block.splitlines() if line.startswith("$ ")]
    typed += [line for block in blocks(text, "sh") for line in block.splitlines()]
    for line in typed:
        for command in re.split(r";\s+", re.sub(r"\s+#.*| &$", "", line)):
            yield command.strip()


SHOWN = {
    command: name
    for path in DOCUMENTS
    if (name := path.relative_to(ROOT).as_posix()) not in PAGES
    for command in lines_of(path)
}
HERE = sorted(SHOWN.keys() - ELSEWHERE.keys() - NOT_RUN.keys())


def test_the_tables_have_nothing_that_is_not_shown() -> None:
    assert sorted((ELSEWHERE.keys() | NOT_RUN.keys() | EXIT_CODES.keys()) - SHOWN.keys()) == []
    assert ELSEWHERE.keys().isdisjoint(NOT_RUN)
    assert [page for page in PAGES if not any(lines_of(ROOT / page))] == []


def test_the_tests_of_the_tables_are_there() -> None:
    assert {file for file in [*PAGES.values(), *ELSEWHERE.values()] if not (ROOT / file).is_file()} == set()


CLOCK = (
    '{"ph":"M","name":"tracerd_clock","args":{"monotonic_us":0,"boottime_us":0,"realtime_us":1795728240000000,'
    '"boot_id":"6a082712-4d58-43d0-aa88-27f85843a297"}}\n'
)
COMMAND = (
    '{"ph":"M","name":"tracerd_trace","pid":100,"ts":0,"args":{"command":"make -j4","exit_code":2,"dur_us":900000,'
    '"cpus":2,"name":"nightly","session":"s-12","tags":["ci","linux"],"branch":"main"}}\n'
)
LOGGED = (
    '{"ph":"i","s":"t","cat":"log","name":"order 4711: connection refused, timeout","pid":100,"tid":100,"ts":5000,'
    '"args":{"level":"error","service":"api","status":502}}\n'
    '{"ph":"C","name":"queue","pid":100,"ts":6000,"id":"host=a","args":{"value":3}}\n'
)
TRACKER = """
tracker "cc" v1 {
  from spans
  metrics { compiles = count() by name }
}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the files that documents name, and with logs in `logs`."""
    home = tmp_path_factory.mktemp("home")
    build = Trace()
    build.step("make -j4", 0, 900_000, exit_code=2, cwd="/src")
    build.step("cc -c lvm.c -o lvm.o", 10_000, 500_000, cwd="/src")
    build.step("cc -c bad.c -o bad.o", 510_000, 890_000, exit_code=1, cwd="/src")
    log = (CLOCK + COMMAND + LOGGED).encode() + build.block
    (home / "logs").mkdir()
    (home / "logs/.lock").touch()
    for name in ("build-42", "before", "after", "monday", "tuesday"):
        (home / f"logs/{name}.jsonl").write_bytes(log)
    for name in ("trace.json", "before.json", "after.json", "out/a.json"):
        (home / name).parent.mkdir(exist_ok=True)
        (home / name).write_bytes(document([log]))
    for path in (ROOT / "docs/view").iterdir():
        shutil.copy(path, home)
    (home / "cc.tracker").write_text(TRACKER)
    (home / "build.tracker").write_text(TRACKER)
    return home


@pytest.mark.parametrize("command", HERE)
def test_a_shown_command_runs(command: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "home"
    shutil.copytree(home, place)
    monkeypatch.chdir(place)
    environ: dict[str, str | None] = {"TRACERD_DIR": str(place / "logs"), "TRACERD_SOCKET": str(place / "s")}
    environ |= {"XDG_CONFIG_HOME": str(place), "XDG_CACHE_HOME": str(place), "HOME": str(place)}
    while variable := VARIABLE.match(command):
        environ[variable[1]] = variable[2]
        command = command[variable.end() :]
    program, *words = shlex.split(command)
    can_run = program == "tracerd" and words[0] not in NEVER_HERE and "-f" not in words
    assert can_run, f"{SHOWN[command]} shows this; run it in a test, and name that in shown_commands.py"
    unquoted = re.sub(r"'[^']*'", "", command)
    assert not set(unquoted) & set("|<>&`$;"), f"{SHOWN[command]} shows this; a shell is needed to run it"
    words = [found for word in words for found in (sorted(glob.glob(word)) or [word])]
    words += ["--yes"] * (words[0] == "clear" and "--yes" not in words)  # there is no terminal for the question

    done = invoke(*words, **environ)
    invoke("stop", "--now", **environ)  # the daemon that import starts

    assert done.returncode == EXIT_CODES.get(command, 0), done.stderr.decode()
    assert "Error" not in done.stderr.decode()
