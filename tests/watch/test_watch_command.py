"""`tracerd watch`, as a person types it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.commands import invoke
from tests.harness import PATIENCE_S, Daemon, wait_until
from tests.watch.logs import BOOT_US, CLOCK, error, line, named, span
from tracerd.watch.rules import DEFAULT_RULES

SPIKE = CLOCK + b"".join(error(60 + at) for at in range(23)) + error(300)

SHORT = """tracker t {
  from logs where level == "error"
  metrics { errors = count() }
  watch { spike: errors by service over 1s > 0 high clear 1 }
}"""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir(mode=0o700)
    (tmp_path / "logs/build-42.jsonl").write_bytes(SPIKE)
    (tmp_path / "logs/calm.jsonl").write_bytes(CLOCK + error(1) + span(2, 9))
    return tmp_path


def run(store: Path, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    done = invoke("watch", "-d", store / "logs", "--socket", store / "none", *arguments)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def test_once_prints_what_would_have_been_reported_and_exits_1(store: Path) -> None:
    done = run(store, "build-42", "--once")

    assert done.stdout == (
        "2026-01-15 08:02:00  high      error_spike   api      23 errors in 60 s (more than 20)\n"
        "2026-01-15 08:04:00  resolved  error_spike   api      after 2 min\n"
    )
    assert (done.returncode, done.stderr) == (1, "")


def test_once_without_an_alert_exits_0(store: Path) -> None:
    done = run(store, "calm", "--once")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_once_of_a_directory_without_traces_is_an_error(store: Path) -> None:
    (store / "empty").mkdir(mode=0o700)
    done = run(store, "--once", "-d", store / "empty")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"Error: there are no traces in {store / 'empty'} yet")


def test_json_is_one_object_a_line(store: Path) -> None:
    first, second = (json.loads(text) for text in run(store, "--once", "--json").stdout.splitlines())

    assert first == {
        "time": "2026-01-15T08:02:00Z", "trace_id": "build-42", "rule": "error_spike", "key": {"service": "api"},
        "state": "firing", "severity": "high", "value": 23, "threshold": 20,
        "window": ["2026-01-15T08:01:00Z", "2026-01-15T08:02:00Z"], "message": "23 errors in 60 s (more than 20)",
    }  # fmt: skip
    assert (second["state"], second["value"], second["since"]) == ("resolved", None, "2026-01-15T08:02:00Z")


def test_an_alert_of_the_last_events_of_a_log_ends_after_them(store: Path) -> None:
    (store / "logs/b.jsonl").write_bytes(CLOCK + b"".join(error(at) for at in range(11)))
    done = run(store, "b", "--once")
    assert (done.returncode, [text.split()[2:4] for text in done.stdout.splitlines()]) == (
        1, [["medium", "error_spike"], ["resolved", "error_spike"]],
    )  # fmt: skip


def test_once_finds_a_process_that_left_spans_open(store: Path) -> None:
    (store / "logs/b.jsonl").write_bytes(
        CLOCK + named("worker", "make") + line(5, "B", "worker") + line(9, "B", "worker")
    )
    done = run(store, "b", "--once")
    assert done.stdout == "2026-01-15 08:01:00  medium    vanished      make     gone, and left 2 spans unfinished\n"


@pytest.mark.parametrize("kind", ["trace.json", "stdin"])
def test_once_reads_what_other_commands_read(store: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    events = [json.loads(text) for text in SPIKE.splitlines()[1:]]
    for event in events:
        event["ts"] += BOOT_US
    path = store / "trace.json"
    path.write_text(json.dumps({"traceEvents": events}))
    if kind == "stdin":
        with path.open() as stdin:
            monkeypatch.setattr(sys, "stdin", stdin)
            command = [sys.executable, "-m", "tracerd", "watch", "--once", "-"]
            done = subprocess.run(command, stdin=stdin, capture_output=True, text=True, check=False)
    else:
        done = run(store, path, "--once")
    assert (done.returncode, done.stdout.count("23 errors in 60 s")) == (1, 1)


def test_the_rules_that_are_printed_are_those_that_are_used(store: Path) -> None:
    shown = run(store, "--print-rules")
    assert (shown.returncode, shown.stdout) == (0, DEFAULT_RULES)
    (store / "rules").write_text(shown.stdout)

    assert run(store, "--once", "--rules", store / "rules").stdout == run(store, "--once").stdout
    assert invoke("query", "--check", store / "rules").returncode == 0


def test_rules_of_a_file(store: Path) -> None:
    (store / "rules").write_text(SHORT)
    assert run(store, "calm", "--once", "--rules", store / "rules").stdout == (
        "2026-01-15 08:00:02  high      spike  api      1 error in 1 s (more than 0)\n"
        "2026-01-15 08:00:03  resolved  spike  api      after 1 s\n"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tracker t {}", "FILE:1:1: there is no rule: a tracker needs a section watch { }"),
        (f"{SHORT}\n{SHORT.replace('tracker t', 'tracker u')}", 'FILE:9:11: a second rule "spike"'),
        (SHORT.replace("over", "ovr"), 'FILE:4:36: expected "over" and the length of a window, such as over 60s, not'),
    ],
)
def test_a_rules_file_that_is_wrong_is_one_line(store: Path, text: str, message: str) -> None:
    (store / "rules").write_text(text)
    done = run(store, "--once", "--rules", store / "rules")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.replace(str(store / "rules"), "FILE").startswith(f"Error: {message}")


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--rules", "/nowhere"], 1, "cannot read /nowhere: No such file or directory"),
        (["nothing", "--once"], 1, "nothing"),
        (["--channels", "/nowhere"], 1, "there is no file /nowhere"),
        (["--channels", "x", "--no-channels"], 2, "--no-channels and --channels exclude each other"),
        (["--on-alert", "a 'b"], 1, "--on-alert: No closing quotation"),
        (["--on-alert", ""], 1, "--on-alert: command is a list of words"),
    ],
)
def test_what_cannot_be_done_is_one_line(store: Path, options: list[str], code: int, message: str) -> None:
    done = run(store, *options)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr.splitlines()[-1]


def test_on_alert_runs_for_each_alert_of_once(store: Path) -> None:
    words = store / "words"
    command = f'"{sys.executable}" -c \'import sys; print(*sys.argv[1:], file=open("{words}", "a"))\' {{state}} {{key}}'
    assert run(store, "--once", "--on-alert", command).returncode == 1
    assert words.read_text() == "firing api\nresolved api\n"


@contextmanager
def watching(daemon: Daemon, *options: str | Path, environ: Mapping[str, str]) -> Generator["subprocess.Popen[str]"]:
    """A running `tracerd watch --json` of the daemon's directory."""
    command = [
        sys.executable,
        "-m",
        "tracerd",
        "watch",
        "--json",
        "-d",
        daemon.dir,
        "--socket",
        daemon.socket,
        *options,
    ]
    process = subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def now_us() -> int:
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


def log_line(level: str, age_us: int = 0) -> bytes:
    event = {"ph": "i", "cat": "log", "ts": now_us() - age_us, "pid": 1, "args": {"level": level, "service": "-h"}}
    return json.dumps(event).encode() + b"\n"


LASTING = SHORT.replace("> 0 high clear 1", "> 0 low, > 1 high clear 1000")


def test_an_alert_that_lasts_is_printed_at_each_start_and_sent_at_the_first(daemon: Daemon, tmp_path: Path) -> None:
    (tmp_path / "rules").write_text(LASTING)
    sent = tmp_path / "sent"
    command = f'"{sys.executable}" -c \'import sys; print(sys.argv[1], file=open("{sent}", "a"))\' {{state}}'
    options = ("--no-channels", "--rules", tmp_path / "rules", "--on-alert", command)
    environ = os.environ | {"XDG_STATE_HOME": str(tmp_path)}
    with daemon.connect() as client:
        client.send(b"OPEN t\n" + log_line("error", 10_000_000))
        client.flush()
        for _ in range(2):
            with watching(daemon, *options, environ=environ) as process:
                assert process.stdout is not None
                found = json.loads(process.stdout.readline())
                assert (found["state"], found["severity"], "since" in found) == ("firing", "low", True)
                wait_until(lambda: sent.exists() and sent.read_text(), "the alert to be sent, once")
        with watching(daemon, *options, environ=environ) as process:
            client.send(log_line("error", 1_000_000) * 2)
            client.flush()
            wait_until(lambda: "escalated" in sent.read_text(), "a change to be sent")

    assert sent.read_text() == "firing\nescalated\n"


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_a_log_that_grows_is_watched_until_a_signal(
    daemon: Daemon, tmp_path: Path, signal_number: signal.Signals
) -> None:
    (tmp_path / "rules").write_text(SHORT)
    config = tmp_path / "tracerd"
    config.mkdir()
    source = f"import sys; open({str(tmp_path / 'sent')!r}, 'a').write(sys.argv[1] + sys.stdin.read())"
    words = [sys.executable, "-c", source, "{key}"]
    (config / "watch.toml").write_text(f"[[channel]]\ncommand = {json.dumps(words)}\n")
    (config / "watch.toml").chmod(0o600)
    environ = os.environ | {"XDG_CONFIG_HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)}

    with daemon.connect() as client, watching(daemon, "--rules", tmp_path / "rules", environ=environ) as process:
        client.send(b"OPEN t\n")
        assert process.stdout is not None

        sent_us = 0

        def has_fired() -> bool:
            """What comes before it watches is history; so it comes again, when the alert before it is over."""
            nonlocal sent_us
            if now_us() - sent_us > 4_000_000:
                client.send(log_line("error"))
                client.flush()
                sent_us = now_us()
            return (tmp_path / "sent").exists()

        wait_until(has_fired, "an alert")
        found = json.loads(process.stdout.readline())
        assert (found["trace_id"], found["rule"], found["state"], found["key"]) == (
            "t", "spike", "firing", {"service": "-h"},
        )  # fmt: skip
        wait_until((tmp_path / "sent").read_text, "the channel to write")
        assert (tmp_path / "sent").read_text().startswith(' -h{"time":')
        while json.loads(process.stdout.readline())["state"] != "resolved":
            pass
        wait_until(lambda: '"resolved"' in (tmp_path / "sent").read_text(), "the channel to write that, too")
        process.send_signal(signal_number)
        assert process.wait(PATIENCE_S) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
