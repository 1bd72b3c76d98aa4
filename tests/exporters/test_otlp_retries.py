"""`tracerd export --otlp URL` where the server is busy, broken, hangs, or takes less at once."""

import os
import signal
import socket
import subprocess
import sys
import threading
from itertools import groupby
from pathlib import Path

import pytest

from tests.exporters.collector import Collector, names, send, span_line
from tests.exporters.test_lines import TRACE
from tests.harness import PATIENCE_S
from tests.http_server import Answer
from tracerd.errors import ExportError
from tracerd.exporters.otlp import batches
from tracerd.exporters.otlp_endpoint import endpoint
from tracerd.exporters.otlp_http import Retries, Sender
from tracerd.exporters.tables import Tables
from tracerd.rows.source import find_trace

AT_ONCE = {"Retry-After": "0"}


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_server_is_asked_again_with_the_same_bytes(status: int, collector: Collector, log: Path) -> None:
    collector.answer(Answer(status, AT_ONCE), Answer(status, AT_ONCE))
    done = send(log, collector.url)

    assert done.returncode == 0
    assert [request.signal for request in collector.requests] == ["traces"] * 3 + ["logs", "metrics"]
    assert len({request.body for request in collector.requests[:3]}) == 1
    assert f"answers {status}".encode() in done.stderr
    assert b"trying again in 0.0 s" in done.stderr


def test_a_server_that_asks_for_more_time_than_there_is_gets_the_rest_later(collector: Collector, log: Path) -> None:
    collector.answer(Answer(), Answer(503, {"Retry-After": "4000"}))
    done = send(log, collector.url)

    assert done.returncode == 1
    assert b"asks to wait 4000 s" in done.stderr
    assert f"to go on where this ended, add --resume {TRACE}:logs:0\n".encode() in done.stderr
    assert b"sent 4 spans to" in done.stderr
    assert len(collector.requests) == 2


@pytest.mark.parametrize("when", ["Wed, 01 Jan 2020 00:00:00 GMT", "soon", f"Wed, 01 Jan {'9' * 20} 00:00:00 GMT"])
def test_retry_after_may_be_a_date_or_nonsense(when: str, collector: Collector, log: Path) -> None:
    collector.answer(Answer(503, {"Retry-After": when}))
    retries = Retries(first_s=0.001, longest_s=0.001)

    assert sent_with(collector, log, retries) == 8
    assert len(collector.requests) == 4


def sent_with(collector: Collector, log: Path, retries: Retries, timeout_s: float = 10) -> int:
    """Send without the command, and count what was taken."""
    sender = Sender(endpoint(collector.url), {}, timeout_s, None, lambda _: None, retries)
    for batch in batches(Tables(find_trace(log.parent, str(log)))):
        sender.send(batch)
    sender.close()
    return sender.sent.total()


QUICK = Retries(first_s=0.001, longest_s=0.001)


def test_a_connection_that_is_cut_in_the_middle_of_an_answer_is_made_again(collector: Collector, log: Path) -> None:
    collector.answer(Answer(cut=1), Answer(cut=0))

    assert sent_with(collector, log, QUICK) == 8
    assert [request.signal for request in collector.requests] == ["traces"] * 3 + ["logs", "metrics"]


def test_an_answer_that_ends_in_no_http_is_asked_again(collector: Collector, log: Path) -> None:
    collector.answer(Answer(headers={"Transfer-Encoding": "chunked"}, body=b"-5\r\n"))

    assert sent_with(collector, log, QUICK) == 8


def test_what_speaks_no_http_is_an_error_at_once(log: Path) -> None:
    """As a port of SSH, to which no retry leads anywhere."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            with server.accept()[0] as client:
                client.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
                while client.recv(65536):
                    pass

        thread = threading.Thread(target=greet)
        thread.start()
        done = send(log, f"http://127.0.0.1:{server.getsockname()[1]}")
        thread.join()
    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[-1].endswith(" speaks no HTTP")
    assert b"trying again" not in done.stderr


def test_a_server_that_hangs_is_asked_again(collector: Collector, log: Path) -> None:
    collector.answer(Answer(), Answer(hangs=True))

    assert sent_with(collector, log, QUICK, timeout_s=0.2) == 8
    # On a busy machine others may take that long, too.
    asked = [request.signal for request in collector.requests]
    assert [kind for kind, _ in groupby(asked)] == ["traces", "logs", "metrics"]
    assert asked.count("logs") > 1


def test_a_server_that_never_recovers_is_given_up(collector: Collector, log: Path) -> None:
    collector.answers = lambda _, __: Answer(503)

    with pytest.raises(ExportError, match="answers 503"):
        sent_with(collector, log, Retries(first_s=0.001, longest_s=0.001, total_s=0.01))
    assert {request.signal for request in collector.requests} == {"traces"}


def test_a_request_that_is_too_large_is_sent_in_parts(collector: Collector, tmp_path: Path) -> None:
    log = tmp_path / "t.jsonl"
    log.write_text("".join(span_line(number, text="x" * (2000 if number == 5 else 10)) for number in range(9)))
    collector.answers = lambda request, _: Answer(413 if len(request.body) > 2000 else 200)
    done = send(log, collector.url)

    assert done.returncode == 1
    assert b"1 span rejected" in done.stderr
    assert b"finds a span too large" in done.stderr
    taken = [request for request in collector.requests if len(request.body) <= 2000]
    assert names(taken) == [f"n{number}" for number in range(9) if number != 5]


def test_ctrl_c_ends_it_at_once_while_it_waits(collector: Collector, log: Path) -> None:
    collector.answer(Answer(), Answer(503, {"Retry-After": "200"}))
    command: list[str | Path] = [sys.executable, "-m", "tracerd", "export", log, "--otlp", collector.url]
    with subprocess.Popen(command, stderr=subprocess.PIPE, env={**os.environ}) as process:
        assert process.stderr is not None
        while b"trying again" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(PATIENCE_S) == 130
    assert f"--resume {TRACE}:logs:0".encode() in rest
    assert b"Traceback" not in rest
