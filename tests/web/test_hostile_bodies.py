"""Bodies that mean no good, and a daemon that is killed meanwhile: the stated status, and a server that goes on."""

import signal
import socket
import threading
from collections import Counter
from collections.abc import Generator

import pytest

from tests.harness import PATIENCE_S, wait_until
from tests.importers.test_otlp_requests import span, spans
from tests.web.recording import JSON, Recording, recording
from tests.web.servers import TOKEN, Server
from tests.web.test_limits import bomb
from tracerd.otlp.wire import field
from tracerd.web.limits import MIB

HEAD = (
    f"POST /v1/traces HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n"
    "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
).encode()

LARGEST_MIB = 330
"""More than the server takes with all bodies that may be in work; sixteen bombs inflated would be 1,040."""


@pytest.fixture(scope="module")
def both() -> Generator[Recording]:
    with recording() as running:
        yield running


def peak_mib(server: Server) -> int:
    """The peak of the server's memory."""
    with open(f"/proc/{server.process.pid}/status") as file:
        return next(int(line.split()[1]) // 1024 for line in file if line.startswith("VmHWM"))


def test_many_gzip_bombs_at_once(both: Recording) -> None:
    body = bomb(65 * MIB)
    statuses: Counter[int] = Counter()

    def send(path: str) -> None:
        headers = {**JSON, "Content-Encoding": "gzip"}
        statuses[both.server.ask(path, method="POST", headers=headers, body=body).status] += 1

    paths = ("/v1/traces", "/logs", "/v1/l/batch", "/v1/metrics")
    threads = [threading.Thread(target=send, args=(paths[at % 4],)) for at in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses.total() == 16
    assert {*statuses} <= {413, 429}
    assert both.post("/v1/traces", {}).status == 200
    assert peak_mib(both.server) < LARGEST_MIB


def test_a_hundred_slow_senders_keep_no_other_waiting(both: Recording) -> None:
    slow = [socket.create_connection(("127.0.0.1", both.server.port), timeout=PATIENCE_S) for _ in range(100)]
    try:
        for connection in slow:
            connection.sendall(HEAD + b'{"resourceSpans')
        wait_until(lambda: "in_work 101" in both.server.ask("/metrics").body.decode(), "the bodies to arrive")
        assert both.post("/v1/traces", spans(span())).status == 200
    finally:
        for connection in slow:
            connection.close()
    wait_until(lambda: "in_work 1\n" in both.server.ask("/metrics").body.decode(), "the senders to be gone")
    assert both.post("/v1/traces", spans(span())).status == 200


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/traces", b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"\xff"}]}]}]}', 400),
        ("/v1/logs", b'{"resourceLogs\xff":[]}', 400),
        ("/logs", b'{"logs":[{"message":"\xff"}]}', 400),
        ("/v1/metrics/batch", b"\xff\xfe", 400),
        ("/v1/l/batch", b'{"trace":{"id":"\\ud800"}}', 200),
        ("/logs", b'{"logs":' + b"[" * 100_000, 400),
        (
            "/logs",
            b'{"level":"info","message":"m","service":"s","metadata":' + b'{"a":' * 5000 + b"1" + b"}" * 5001,
            400,
        ),
        (
            "/logs",
            b'{"level":"info","message":"m","service":"s","metadata":' + b'{"a":' * 300 + b"1" + b"}" * 301,
            400,
        ),
        ("/logs", b'{"level":"info","message":"m","service":"s","n":' + b"9" * 400 + b"}", 400),
        ("/logs", b'{"level":"info","message":"\\u0000","service":"\\u0000\\n/../x"}', 202),
    ],
    ids=["span", "key", "item", "no JSON", "surrogate", "unclosed", "deep", "nested", "digits", "NUL"],
)
def test_bytes_that_are_no_text_and_no_item(both: Recording, path: str, body: bytes, status: int) -> None:
    reply = both.server.ask(path, method="POST", headers=JSON, body=body)

    assert reply.status == status
    assert status != 400 or reply.json()["code"] == "BAD_REQUEST"


def test_ten_thousand_bad_spans_spoil_no_good_one(both: Recording) -> None:
    good = field(5, b"good") + b"\x39" + (1_700_000_000 * 10**9).to_bytes(8, "little")
    body = field(1, field(2, b"".join(field(2, one) for one in (*[field(5, b"\xff")] * 10_000, good))))
    reply = both.post("/v1/traces", body)

    assert reply.status == 200
    assert b"what cannot be read (10,000)" in reply.body
    assert [event["name"] for event in both.events("otlp-unknown_service-2023-11-14-wall", "B")] == ["good"]


def test_a_daemon_that_is_killed_meanwhile() -> None:
    with recording() as both:
        statuses: Counter[int] = Counter()
        stored = threading.Event()

        def send() -> None:
            for _ in range(20):
                statuses[both.post("/v1/traces", spans(*[span()] * 50)).status] += 1
                stored.set()

        threads = [threading.Thread(target=send) for _ in range(4)]
        for thread in threads:
            thread.start()
        assert stored.wait(PATIENCE_S)
        both.daemon.kill()
        for thread in threads:
            thread.join()

        assert statuses.total() == 80
        assert {*statuses} <= {200, 503}
        assert both.post("/v1/traces", spans(span())).status == 503
        acknowledged = 50 * statuses[200]
        assert len(both.events("otlp-shop-2023-11-14-wall", "X")) >= acknowledged


def test_a_daemon_that_takes_nothing_holds_no_reader() -> None:
    with recording() as other:
        other.daemon.process.send_signal(signal.SIGSTOP)
        answers: list[int] = []
        thread = threading.Thread(target=lambda: answers.append(other.post("/v1/traces", spans(span())).status))
        thread.start()
        wait_until(lambda: "in_work 2" in other.server.ask("/metrics").body.decode(), "the request to be in work")
        assert other.server.get("/api/public/traces")["data"] == []
        other.daemon.process.send_signal(signal.SIGCONT)
        thread.join()
        assert answers == [200]
