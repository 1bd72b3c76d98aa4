"""`tracerd doctor`: what is wrong with the socket, the daemon and the directory, in one line each."""

import json
import os
import re
import resource
import signal
import socket
from pathlib import Path

import pytest

from tests.cli.doctor import SUBJECTS, examine
from tests.cli.doctor import home as home
from tests.commands import invoke
from tests.harness import Daemon, event, tracerd
from tracerd import __version__
from tracerd.cli import doctor
from tracerd.cli.doctor_severity import Severity
from tracerd.exec.event import trace as trace_line


@pytest.mark.parametrize("value", ["", "1"])
def test_the_implementation_in_use_is_shown(home: Path, value: str) -> None:
    done = tracerd("doctor", "--socket", home / "s", env=os.environ | {"TRACERD_PURE_PYTHON": value})
    [text] = [line for line in done.stdout.decode().splitlines() if line.split()[1] == "speedups"]
    if value:
        assert re.match("OK +speedups +not used, because TRACERD_PURE_PYTHON is set; ", text)
    else:
        assert re.match("OK +speedups +(in use: C, |not built; )", text)


def test_a_daemon_in_good_order_fails_in_nothing(home: Path) -> None:
    with Daemon(home) as daemon:
        daemon.session(b"OPEN t\n" + event(1))
        found = examine(home, code=0)
    pid = daemon.process.pid
    assert found["socket"] == ("OK", f"{home}/s, uid {os.geteuid()}, mode 0600")
    assert found["daemon"] == ("OK", f"pid {pid} holds the lock and answers, version {__version__}")
    assert found["directory"] == ("OK", f"{home}/logs, uid {os.geteuid()}, mode 0700, writable")
    assert found["lock"] == ("OK", f"pid {pid} uses the directory")
    assert str(home) not in found["leftovers"][1]
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert found["clock"][1].startswith(f"boot {boot_id}; ")


NO_DAEMON = ("WARN", "none is running; tracerd exec starts one when it needs it, tracerd serve does now")


def test_json_is_one_object_for_each_finding(home: Path) -> None:
    done = invoke("doctor", "--socket", home / "s", "-d", home / "logs", "--json")
    findings = [json.loads(line) for line in done.stdout.splitlines()]
    assert [finding["subject"] for finding in findings] == SUBJECTS
    assert all(finding.keys() == {"level", "subject", "text"} for finding in findings)
    assert done.returncode == 0


def test_no_daemon_as_after_an_installation(home: Path) -> None:
    found = examine(home, code=0)
    assert found["socket"] == ("WARN", f"{home}/s does not exist; tracerd serve makes it")
    assert found["daemon"] == NO_DAEMON
    assert found["directory"] == ("WARN", f"{home}/logs does not exist; tracerd serve makes it")
    assert not (home / "logs").exists()


def test_a_killed_daemon_and_its_socket(home: Path) -> None:
    with Daemon(home) as daemon:
        daemon.kill()
    found = examine(home, code=0)
    assert found["daemon"] == NO_DAEMON
    level, text = found["leftovers"]
    assert level == "WARN"
    assert text.startswith(f"no process listens on {home}/s")
    assert text.endswith(" any more; tracerd serve takes over, or remove it")


def test_a_daemon_that_does_not_answer(home: Path) -> None:
    with Daemon(home) as daemon:
        pid = daemon.process.pid
        os.kill(pid, signal.SIGSTOP)
        try:
            level, text = examine(home, code=1)["daemon"]
        finally:
            os.kill(pid, signal.SIGCONT)
    assert level == "FAIL"
    assert text.startswith(f"the daemon with pid {pid} does not answer")
    assert text.endswith(f"; run kill -CONT {pid}, and if that does not help kill -KILL {pid}")


def test_a_socket_that_was_removed_under_the_daemon(home: Path) -> None:
    with Daemon(home) as daemon:
        (home / "s").unlink()
        found = examine(home, code=1)
        pid = daemon.process.pid
    expected = f"{home}/s was removed under the daemon with pid {pid}; run kill {pid}, then tracerd serve"
    assert found["socket"] == ("FAIL", expected)


def test_a_file_in_the_sockets_place(home: Path) -> None:
    (home / "s").touch()
    expected = f"{home}/s is no socket; remove it, or set TRACERD_SOCKET to another path"
    assert examine(home, code=1)["socket"] == ("FAIL", expected)


def test_a_socket_that_others_may_use(home: Path) -> None:
    with Daemon(home):
        (home / "s").chmod(0o666)
        expected = f"{home}/s has mode 0666, so others may connect; run chmod 600 on it"
        assert examine(home, code=0)["socket"] == ("WARN", expected)


def test_a_socket_where_others_could_put_theirs(home: Path) -> None:
    home.chmod(0o777)
    level, text = examine(home, code=1)["socket"]
    assert level == "FAIL"
    assert text.startswith(f"the directory {home} may be written by others (mode 0777): run chmod go-w on it")


def test_a_socket_path_that_is_too_long(home: Path) -> None:
    path = str(home / ("x" * 108))
    level, text = examine(home, code=1, TRACERD_SOCKET=path)["socket"]
    assert (level, text) == ("FAIL", f"{path} is longer than 107 bytes; set TRACERD_SOCKET to a shorter path")


def test_a_directory_that_others_may_write_or_read(home: Path) -> None:
    (home / "logs").mkdir()
    for mode, level, words in ((0o777, "FAIL", "run chmod go-w on it"), (0o755, "WARN", "run chmod 700 on it")):
        (home / "logs").chmod(mode)
        found, text = examine(home)["directory"]
        assert found == level
        assert words in text


def test_a_directory_that_cannot_be_written(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may write everywhere, so that the answer of the system is given here."""
    (home / "logs").mkdir(mode=0o500)

    def denied(path: Path, mode: int) -> bool:
        return mode != os.R_OK | os.W_OK | os.X_OK or path != home / "logs"

    monkeypatch.setattr(os, "access", denied)
    check = {each.subject: each for each in doctor.examine(home / "s", home / "logs", {})}["directory"]
    assert check.severity is Severity.FAIL
    assert "mode 0500) cannot be written; run chmod u+rwx on it" in check.text


def test_a_daemon_that_keeps_its_logs_elsewhere(home: Path) -> None:
    with Daemon(home) as daemon:
        (home / "other").mkdir(mode=0o700)
        found = examine(home, code=0, TRACERD_DIR=str(home / "other"))
        where = f"pid {daemon.process.pid} keeps its logs in {home}/logs, not in {home}/other"
        assert found["daemon"] == ("WARN", f"{where}; set TRACERD_DIR to its directory")
        found = examine(home, code=1, TRACERD_SOCKET=str(home / "elsewhere"))
        expected = "uses the directory, and listens on another socket; set TRACERD_SOCKET to that, or stop it"
        assert found["lock"] == ("FAIL", f"pid {daemon.process.pid} {expected}")


def test_another_program_on_the_socket(home: Path) -> None:
    """Nobody connects to it: with socket activation that would start the daemon."""
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(os.fsencode(home / "s"))
        other.listen()
        other.setblocking(False)
        (home / "s").chmod(0o600)
        level, text = examine(home, code=0)["daemon"]
        with pytest.raises(BlockingIOError):
            other.accept()
    assert level == "WARN"
    assert text.startswith("none runs, but something listens: systemd, which starts it for the first client, or ")


def test_an_answer_that_is_none(home: Path) -> None:
    import fcntl
    import threading

    with (home / "s.lock").open("w") as lock, socket.socket(socket.AF_UNIX) as other:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("4711\n")
        lock.flush()
        other.bind(os.fsencode(home / "s"))
        other.listen()

        def answer() -> None:
            connection, _ = other.accept()
            with connection:
                connection.recv(100)
                connection.sendall(b"\x1b[31mhello\n")

        thread = threading.Thread(target=answer)
        thread.start()
        found = examine(home, code=1)
        thread.join()
    assert found["daemon"] == (
        "FAIL", f"what answers is no tracerd of version {__version__}; stop pid 4711, then tracerd serve"
    )  # fmt: skip


def test_events_that_were_lost_are_told(home: Path) -> None:
    with Daemon(home) as daemon:
        (home / "logs/t.jsonl").mkdir()
        daemon.session(b"OPEN t\n" + event(1))
        level, text = examine(home, code=0)["daemon"]
    assert (level, text) == ("WARN", f"pid {daemon.process.pid} has lost 1 event; its own log says why")


def test_few_descriptors(home: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))

    with Daemon(home, preexec_fn=limit):
        level, text = examine(home, code=0)["descriptors"]
    assert level == "WARN"
    assert text == (
        "the daemon's limit: 100, one for each client; start it with a higher one (ulimit -Hn, LimitNOFILE=)"
    )


def test_a_trace_id_that_no_daemon_takes(home: Path) -> None:
    level, text = examine(home, code=1, TRACERD_TRACE_ID="two words\x1b[0m")["environment"]
    assert level == "FAIL"
    assert text == 'TRACERD_TRACE_ID: a trace id must not contain blanks; run eval "$(tracerd env --new)"'
    assert examine(home, TRACERD_TRACE_ID="t")["environment"] == ("OK", "TRACERD_TRACE_ID=t: programs join this trace")


def test_rejects_without_a_log(home: Path) -> None:
    with Daemon(home) as daemon:
        daemon.session(b"OPEN bad\nnonsense\n")
        found = examine(home, code=0)["rejects"]
    why = f"for every line was refused; {home}/logs/bad.rejected says why, tracerd clear removes them"
    assert found == ("WARN", f"1 trace without a log, {why}")


def test_names_from_outside_do_no_harm(home: Path) -> None:
    done = invoke("doctor", "--socket", home / "\x1b[31ms\u202e", "-d", home / "\x1b[31mlogs")
    assert b"\x1b" not in done.stdout + done.stderr
    assert "\u202e".encode() not in done.stdout + done.stderr


@pytest.mark.parametrize("arguments", [["extra"], ["--nonsense"], ["--json", "x"]])
def test_misuse_exits_2(arguments: list[str]) -> None:
    done = invoke("doctor", *arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.count(b"Error:") == 1


def test_doctor_starts_nothing_and_makes_nothing(home: Path) -> None:
    examine(home)
    assert list(home.iterdir()) == []


def test_logs_of_exec_are_counted_for_they_go_by_themselves(home: Path) -> None:
    with Daemon(home) as daemon:
        daemon.session(b"OPEN mine\n" + event(1))
        daemon.session(b"OPEN of-exec\n" + trace_line(7, "make", None, 0, 0, is_ours=True).encode())
        level, text = examine(home)["exec-logs"]
    assert level == "OK"
    assert re.match(r"1, \d+ B: they go after 30 days", text)
