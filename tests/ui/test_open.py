"""`tracerd open`: the real UI shows the trace; the browser, and what goes wrong, in one line."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.commands import invoke
from tests.demo.demos import events_of, processes_of
from tests.harness import PATIENCE_S, event, short_dir, tracerd, wait_until
from tests.perfetto.judge import Unavailable
from tests.perfetto.screenshot import OPEN_PICTURE, opened, show_url
from tests.ui.pages import INSTEAD, ask, needs_ui, serving, trace_url
from tests.ui.pages import store as store
from tracerd.ui import server as page_module
from tracerd.ui.assets import find_ui

# ------------------------------------------------------------------ what it shows


@needs_ui
@pytest.mark.tools
def test_demo_is_shown_offline_with_its_processes_and_without_a_complaint(demo_trace: Path) -> None:
    names = processes_of(events_of(demo_trace))
    with opened(demo_trace, "--no-browser") as (url, _):
        try:
            shown = show_url(url)
        except Unavailable as why:
            pytest.skip(str(why))

    assert (shown["shown"], shown["complaints"], shown["import_errors"], shown["badge"]) == (True, [], 0, [])
    assert sorted(shown["tracks"]) == sorted(f"{name} {pid}" for pid, name in names.items())


def test_picture_of_the_documents_is_small() -> None:
    assert OPEN_PICTURE.read_bytes().startswith(b"\x89PNG")
    assert OPEN_PICTURE.stat().st_size < 300_000


@needs_ui
@pytest.mark.parametrize("name", ["nap", "b\u00fcild#1?%2f+&", "\x1b[31mred", os.fsdecode(b"raw\xff")])
def test_a_log_is_served_as_get_tef_writes_it(name: str, store: Path) -> None:
    (store / "nap.jsonl").rename(store / f"{name}.jsonl")
    with opened("-d", store, "--no-browser") as (url, process):
        address = urlsplit(trace_url(url))
        assert address.port
        status, headers, body = ask(address.port, address.path)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE_S)

    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert body == invoke("get-tef", "latest", "-d", store).stdout
    assert process.returncode == 0
    assert url.isascii()
    assert url.isprintable()
    assert said.rstrip("\n").isprintable()


@needs_ui
def test_what_a_trace_json_does_not_hold_is_told(store: Path) -> None:
    with (store / "nap.jsonl").open("ab") as log:
        log.write(b'{"ph":"X","ts":1}\n{"torn')
    with opened("nap", "-d", store, "--no-browser") as (url, process):
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE_S)

    assert url
    assert said.splitlines()[0] == "1,000 events written; 2 lines of the log left out:"


@needs_ui
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_however_it_ends(number: int, store: Path, tmp_path: Path) -> None:
    temporary = tmp_path / "t"
    temporary.mkdir()
    before = {path: path.read_bytes() for path in store.iterdir()}
    with opened("nap", "-d", store, "--no-browser", TMPDIR=str(temporary)) as (_, process):
        process.send_signal(number)
        process.communicate(timeout=PATIENCE_S)

    assert list(temporary.iterdir()) == []
    assert {path: path.read_bytes() for path in store.iterdir()} == before


# ------------------------------------------------------------------ the browser


def test_silence_is_told_once_and_not_after_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "NO_REQUEST_S", 0.1)
    for online, what in ((False, "be forwarded to it"), (True, "blockers of advertisements")):
        said: list[str] = []
        with serving(online=online, said=said) as page:
            ask(page.port, "/nothing")
            wait_until(said.copy, "the line")
        assert len(said) == 1
        assert what in said[0] or find_ui() is None

    monkeypatch.setattr(page_module, "NO_REQUEST_S", PATIENCE_S)
    said = []
    with serving(said=said) as page:
        ask(page.port, "/trace/t.json")
        page.silent_until = 0
        ask(page.port, "/nothing")
    assert said == []


@needs_ui
def test_browser_is_given_the_address(store: Path, tmp_path: Path) -> None:
    script = tmp_path / "browser"
    # Renamed, so that it is there only when it is whole; and a browser that stays open does not hold anything up.
    script.write_text(
        f'#!/bin/sh\necho "$1" >{tmp_path}/part; mv {tmp_path}/part {tmp_path}/url; exec sleep 60 >/dev/null 2>&1\n'
    )
    script.chmod(0o755)
    with opened("nap", "-d", store, BROWSER=f"{script} %s", SSH_CONNECTION="") as (url, process):
        wait_until((tmp_path / "url").exists, "the browser")
        address = urlsplit(trace_url(url))
        assert ask(address.port or 0, address.path)[0] == 200
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)

    assert (tmp_path / "url").read_text().strip() == url
    assert process.returncode == 0


@needs_ui
@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({}, "no browser can be opened here, as neither DISPLAY nor WAYLAND_DISPLAY is set"),
        ({"DISPLAY": ":0"}, "no browser was found"),
        ({"BROWSER": "/bin/false %s"}, "the browser could not be started"),
    ],
)
def test_no_browser_is_one_line(environ: dict[str, str], message: str, store: Path) -> None:
    done = tracerd("open", "nap", "-d", store, env={"PATH": "/nowhere", "HOME": str(store)} | environ)

    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[-1] == f"Error: {message}; {INSTEAD}"


@needs_ui
def test_over_ssh_the_line_that_forwards_the_port_is_printed(store: Path) -> None:
    with opened("nap", "-d", store, SSH_CONNECTION="10.0.0.1 5 10.0.0.2 2222", DISPLAY=":0") as (url, process):
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE_S)

    port = urlsplit(url).port
    assert re.search(rf"forward the port first: ssh -N -L {port}:127\.0\.0\.1:{port} -p 2222 \S+@10\.0\.0\.2\n", said)


# ------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none"], "no trace 'none' in SPOOL; `tracerd list` shows what is there"),
        (["a"], "'a' fits 2 traces (a1, a2 ...); give more of the id"),
        (["empty"], "the trace empty has no events"),
        (["damaged"], "SPOOL/damaged.jsonl holds no event that Perfetto reads; its first line: ts is missing"),
        (["SPOOL/none.jsonl"], "there is no log SPOOL/none.jsonl; `tracerd list` shows those that there are"),
        (
            ["SPOOL/text.json"],
            "SPOOL/text.json holds no event that Perfetto reads; its first line: not JSON: invalid character at byte 0",
        ),
        (["SPOOL/empty.json"], "the trace SPOOL/empty.json has no events"),
        (["SPOOL/dir.json"], "there is no log SPOOL/dir.json; `tracerd list` shows those that there are"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], message: str) -> None:
    with short_dir() as store:
        for name in ("a1.jsonl", "a2.jsonl"):
            (store / name).write_bytes(event(1))
        for name in ("empty.jsonl", "empty.json"):
            (store / name).touch()
        (store / "damaged.jsonl").write_bytes(b'{"ph":"i"}\ngarbage\n\x00\xff')
        (store / "text.json").write_text("Hello\n")
        (store / "dir.json").mkdir()
        here: Callable[[str], str] = lambda text: text.replace("SPOOL", str(store))  # noqa: E731 (short)
        done = invoke("open", *map(here, arguments), "-d", store, "--no-browser")

        assert (done.returncode, done.stdout) == (1, b"")
        assert done.stderr.decode() == f"Error: {here(message)}\n"


def test_no_log_at_all_is_one_line(tmp_path: Path) -> None:
    done = invoke("open", "-d", tmp_path)
    assert (done.returncode, done.stderr.decode()) == (
        1,
        f"Error: there are no traces in {tmp_path} yet; `tracerd exec CMD` records one\n",
    )


@pytest.mark.parametrize("arguments", [["a", "b"], ["-d"], ["--no-browser=1"], ["--online=1"]])
def test_misuse_exits_2(arguments: list[str]) -> None:
    assert invoke("open", *arguments).returncode == 2


def test_full_disk_is_one_line(store: Path) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))"
    script = f"{limit}; from tracerd.cli import main; main()"
    command = [sys.executable, "-c", script, "open", "nap", "-d", str(store), "--no-browser"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)

    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(
        "Error: cannot write the trace to a temporary file in .*: File too large; TMPDIR .*\n", done.stderr
    )


@needs_ui
def test_closed_pipe_ends_it_quietly(store: Path) -> None:
    command = f'"{sys.executable}" -m tracerd open nap -d "{store}" --no-browser | true; echo "${{PIPESTATUS[0]}}"'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=PATIENCE_S)

    assert (done.stdout, done.stderr) == ("1\n", "nap.json is there until you press Ctrl-C\n")
