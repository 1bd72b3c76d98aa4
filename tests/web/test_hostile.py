"""Clients that mean no good, or are broken: the stated status, and a server that goes on."""

import http.client
import json
import socket
from collections.abc import Generator
from pathlib import Path

import pytest
import trio
import trio.testing
from starlette.types import Message, Receive, Scope, Send

from tests.harness import PATIENCE_S, wait_until
from tests.web.conftest import clock, span, text, write_logs
from tests.web.servers import TOKEN, Server, serving
from tracerd.web.answers import Refusal
from tracerd.web.exchange import beside_hypercorn
from tracerd.web.work import GoneError, Work


def raw(server: Server, request: bytes) -> bytes:
    """The begin of the answer to these bytes, with its status; empty if there is none."""
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as connection,
        http.client.HTTPResponse(connection) as answer,
    ):
        try:
            connection.sendall(request)
            answer.begin()
            answer.read()
        except ConnectionError:
            return b""
    return b"HTTP/1.1 %d" % answer.status


HEAD = f"GET /api/public/traces HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n".encode()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (HEAD + b"\r\n", 200),
        (b"garbage\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01", 400),
        (HEAD + b"X: \xff\xfe\r\n\r\n", 200),
        (HEAD.replace(b"/api/public/traces", b"/api/public/traces/%ff"), 404),
        (HEAD.replace(b"/api/public/traces", b"/../../etc/passwd"), 404),
        (HEAD.replace(b"/api/public/traces", b"http://evil.example/health"), 404),
        (HEAD.replace(b"GET", b"DELETE"), 405),
        (HEAD.replace(b"Host: 127.0.0.1\r\n", b""), 400),
        (HEAD + b"Host: localhost\r\n", 400),
        (HEAD + b"Content-Length: x\r\n", 400),
    ],
)
def test_bytes_are_answered_with_a_status(server: Server, request_: bytes, status: int) -> None:
    end = b"" if request_.endswith(b"\r\n\r\n") else b"\r\n"

    assert raw(server, request_ + end).split()[1] == b"%d" % status


def test_a_megabyte_of_headers(server: Server) -> None:
    assert raw(server, HEAD + b"X: " + b"a" * 20_000).split()[1] == b"431"
    assert raw(server, HEAD + b"X: y\r\n" * 200_000) in (b"HTTP/1.1 431", b"")
    assert server.ask("/health").status == 200


def test_a_body_that_is_too_large_is_not_read(server: Server) -> None:
    head = HEAD.replace(b"GET /api/public/traces", b"POST /api/query") + b"Content-Type: text/plain\r\n"

    assert raw(server, head + b"Content-Length: 20971521\r\n\r\n").split()[1] == b"413"


TOO_LARGE = HEAD.replace(b"GET /api/public/traces", b"POST /api/query") + b"Content-Length: 30000000\r\n\r\n"


def test_who_sends_all_of_a_body_that_is_too_large_sees_the_answer(server: Server) -> None:
    assert raw(server, TOO_LARGE + b"x" * 30_000_000).split()[1] == b"413"


def send_for_ever(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"x" * 1_000_000)


def test_who_sends_for_ever_and_reads_nothing_is_closed(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as connection:
        connection.sendall(TOO_LARGE.replace(b"30000000", b"1000000000000"))
        with pytest.raises(ConnectionError):
            send_for_ever(connection)


async def test_hypercorn_may_answer_a_client_while_the_application_does() -> None:
    ours, theirs = trio.socket.socketpair()
    stream = trio.SocketStream(ours)

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.body", "body": b"ours"})

    async def receive() -> Message:
        await trio.lowlevel.checkpoint()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        await stream.send_all(message["body"])

    with theirs:
        async with stream, trio.open_nursery() as nursery:
            nursery.start_soon(stream.send_all, b"theirs" * 1_000_000)
            await trio.testing.wait_all_tasks_blocked()
            await beside_hypercorn(app)({"type": "http"}, receive, send)
            nursery.cancel_scope.cancel()


def test_slow_clients_are_closed_and_keep_no_other_waiting(server: Server) -> None:
    slow = [socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) for _ in range(100)]
    try:
        for connection in slow:
            connection.sendall(HEAD)
        assert server.ask("/health").status == 200
        assert {connection.recv(1) for connection in slow} == {b""}
    finally:
        for connection in slow:
            connection.close()


def test_work_ends_when_its_time_is_over_or_the_client_has_gone() -> None:
    work = Work(0)
    work.start()
    with pytest.raises(Refusal, match="more than 0 s") as refused:
        work.tick()
    assert refused.value.status == 503
    work = Work(1000)
    work.start()
    assert list(work.ticked([b"a"])) == [b"a"]
    work.is_gone = True
    with pytest.raises(GoneError):
        list(work.ticked([b"a"]))
    with pytest.raises(GoneError):
        work.start()


@pytest.fixture
def long_log(tmp_path: Path) -> Path:
    """Logs of which one takes long to read."""
    directory = write_logs(tmp_path / "logs")
    block = text(*[span("s", number, 1) for number in range(1000)])
    (directory / "long.jsonl").write_bytes(text(clock(0)) + block * 300)
    return directory


@pytest.fixture
def hurried(long_log: Path) -> Generator[Server]:
    """A server that gives a query no time."""
    with serving(long_log, "--query-timeout", "0.001s") as running:
        yield running


def test_an_endless_query_is_ended(hurried: Server) -> None:
    headers = {"Content-Type": "application/json"}
    body = json.dumps({"metric": "count()"}).encode()
    reply = hurried.ask("/api/query", method="POST", headers=headers, body=body)

    assert (reply.status, reply.json()["code"]) == (503, "SERVICE_UNAVAILABLE")
    assert "more than 0.001 s" in reply.json()["message"]


def test_what_a_client_has_asked_for_ends_when_it_goes(long_log: Path) -> None:
    with serving(long_log) as server:
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", server.port)) as connection:
                connection.sendall(HEAD.replace(b"/api/public/traces", b"/api/public/traces/long") + b"\r\n")
        in_work = "tracerd_web_requests_in_work 1\n"
        wait_until(lambda: in_work in server.ask("/metrics").body.decode(), "the work to end")


def test_a_query_string_and_a_token_are_never_logged(server: Server) -> None:
    server.ask("/api/public/traces", {"name": "secret-name"})
    server.ask("/api/logs", {"nope": "secret-name"})
    wait_until(lambda: "GET /api/logs 400" in server.stderr(), "the log of requests")

    assert "GET /api/public/traces 200" in server.stderr()
    assert "secret" not in server.stderr()
    assert TOKEN not in server.stderr()


def test_a_path_is_logged_harmlessly(server: Server) -> None:
    server.ask("/%1b%5b31m%0aforged")
    wait_until(lambda: "forged" in server.stderr(), "the log of requests")

    assert "GET /\\x1b[31m\\nforged 404" in server.stderr()


def test_a_server_ends_while_clients_are_connected(tmp_path: Path) -> None:
    with serving(write_logs(tmp_path / "logs")) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
        connection.request("GET", "/api/stream", headers={"Authorization": f"Bearer {TOKEN}"})
        assert connection.getresponse().status == 200
        server.stop()
        connection.close()
