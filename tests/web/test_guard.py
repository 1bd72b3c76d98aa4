"""Who may ask."""

import socket
import subprocess
import sys

import pytest
from h2.connection import H2Connection
from h2.events import ResponseReceived

from tests.harness import PATIENCE_S, needs_root
from tests.web.servers import TOKEN, Server
from tracerd.web.answers import Refusal
from tracerd.web.guard import MAX_HEADER_BYTES, Guard, Headers

OWN = (b"host", b"127.0.0.1:8742")
BEARER = (b"authorization", b"Bearer secret")


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ([OWN, BEARER], None),
        ([(b"host", b"[::1]:1"), (b"authorization", b"bearer secret")], None),
        ([(b"host", b"LOCALHOST"), BEARER], None),
        ([(b"host", b"[::1]"), BEARER], None),
        ([OWN, BEARER, (b"origin", b"http://127.0.0.1:8742")], None),
        ([OWN, BEARER, (b"sec-fetch-site", b"none")], None),
        ([BEARER], "FORBIDDEN"),
        ([(b"host", b"evil.example"), BEARER], "FORBIDDEN"),
        ([(b"host", b"127.0.0.1.evil.example:8742"), BEARER], "FORBIDDEN"),
        ([(b"host", b"127.0.0.1:80:evil"), BEARER], "FORBIDDEN"),
        ([(b"host", b""), BEARER], "FORBIDDEN"),
        ([OWN, OWN, BEARER], "FORBIDDEN"),
        ([OWN, BEARER, (b"origin", b"http://127.0.0.1:9999")], "FORBIDDEN"),
        ([OWN, BEARER, (b"origin", b"https://127.0.0.1:8742")], "FORBIDDEN"),
        ([OWN, BEARER, (b"origin", b"null")], "FORBIDDEN"),
        ([OWN, BEARER, (b"sec-fetch-site", b"same-site"), (b"sec-fetch-mode", b"no-cors")], "FORBIDDEN"),
        ([OWN, BEARER, (b"sec-fetch-site", b"cross-site")], "FORBIDDEN"),
        ([OWN], "UNAUTHORIZED"),
        ([OWN, (b"authorization", b"Bearer secret2")], "UNAUTHORIZED"),
        ([OWN, (b"authorization", b"Bearer")], "UNAUTHORIZED"),
        ([OWN, (b"authorization", b"Basic secret")], "UNAUTHORIZED"),
        ([OWN, (b"authorization", b"Bearer \xff")], "UNAUTHORIZED"),
        ([OWN, BEARER, BEARER], "UNAUTHORIZED"),
    ],
)
def test_headers_decide(headers: list[tuple[bytes, bytes]], code: str | None) -> None:
    guard = Guard("secret")

    if code is None:
        guard.check(Headers(headers), needs_token=True)
        return
    with pytest.raises(Refusal) as refused:
        guard.check(Headers(headers), needs_token=True)
    assert refused.value.code == code


def test_headers_are_counted_as_they_are_written() -> None:
    guard = Guard("secret")
    left = MAX_HEADER_BYTES - Headers([OWN, BEARER, (b"x", b"")]).size
    guard.check(Headers([OWN, BEARER, (b"x", b"a" * left)]), needs_token=True)
    with pytest.raises(Refusal) as refused:
        guard.check(Headers([OWN, (b"x", b"a" * MAX_HEADER_BYTES)]), needs_token=False)

    assert refused.value.status == 431


@pytest.mark.parametrize("size", [17_000, 60_000, 70_000])
def test_large_headers_are_refused(server: Server, size: int) -> None:
    """Also those that come at once: the library refuses only what has not ended."""
    assert server.ask("/health", headers={"X": "a" * size}).status == 431


def test_a_request_by_http2_needs_the_token_too(server: Server) -> None:
    http2 = H2Connection()
    settings = http2.initiate_upgrade_connection() or b""
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: " + settings
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S) as connection:
        connection.sendall(b"GET /api/public/traces HTTP/1.1\r\nHost: 127.0.0.1\r\n" + offer + b"\r\n\r\n")
        came = b""
        while b"\r\n\r\n" not in came:
            came += connection.recv(65536)
        head, _, came = came.partition(b"\r\n\r\n")
        connection.sendall(http2.data_to_send())
        answers: list[ResponseReceived] = []
        while not answers:
            answers = [event for event in http2.receive_data(came) if isinstance(event, ResponseReceived)]
            came = b"" if answers else connection.recv(65536)

    assert head.startswith(b"HTTP/1.1 101")
    assert dict(answers[0].headers)[b":status"] == b"401"


def test_without_a_token_any_host_will_do_but_no_foreign_page() -> None:
    guard = Guard(None)

    guard.check(Headers([(b"host", b"anything")]), needs_token=True)
    with pytest.raises(Refusal, match="another origin"):
        guard.check(Headers([(b"host", b"localhost"), (b"origin", b"http://evil.example")]), needs_token=True)


@pytest.mark.parametrize(
    "path", ["/api/public/traces", "/api/logs", "/metrics", "/openapi.json", "/api/stream", "/none"]
)
def test_the_token_is_needed(server: Server, path: str) -> None:
    without, wrong = server.ask(path, token=None), server.ask(path, token="wrong")  # noqa: S106

    assert (without.status, wrong.status) == (401, 401)
    assert without.headers["WWW-Authenticate"] == 'Bearer realm="tracerd"'
    assert without.json()["code"] == "UNAUTHORIZED"


@pytest.mark.parametrize("path", ["/health", "/healthz", "/readyz"])
def test_health_needs_no_token_but_a_loopback_host(server: Server, path: str) -> None:
    assert server.ask(path, token=None).status == 200
    assert server.ask(path, token=None, headers={"Host": "evil.example"}).status == 403


def test_both_loopback_addresses_answer(server: Server) -> None:
    for host in ("127.0.0.1", "::1"):
        connection = server.connect(host)
        connection.request("GET", "/api/public/traces", headers={"Authorization": f"Bearer {TOKEN}"})
        assert connection.getresponse().status == 200
        connection.close()


def test_answers_are_kept_from_other_pages(server: Server) -> None:
    headers = server.ask("/api/public/traces").headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Access-Control-Allow-Origin"] is None


OTHER_USER = """
import encodings.idna, http.client, os, sys  # before it may read no file any more
os.setgroups([]); os.setgid(65534); os.setuid(65534)
connection = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]))
connection.request("GET", "/health")
print(connection.getresponse().status)
"""


@needs_root
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_processes_of_other_users_are_refused(server: Server, host: str) -> None:
    command = [sys.executable, "-I", "-S", "-c", OTHER_USER, host, str(server.port)]
    done = subprocess.run(command, capture_output=True, check=True, timeout=PATIENCE_S)

    assert done.stdout == b"403\n"
