"""Servers that are busy, broken, silent or none: one kind of error, with a code, and in time."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.web_client.servers import answering, reply
from tracerd.errors import ApiError
from tracerd.web import sockets, tokens
from tracerd.web_client import WebClient, address

BUSY = reply("429 Too Many", '{"message":"busy","code":"TOO_MANY_REQUESTS"}', "Retry-After: 0")
NAMES = reply("200 OK", '{"data":["cpu"]}')


def test_what_a_busy_server_refuses_is_asked_again() -> None:
    with answering(BUSY, BUSY, NAMES) as server:
        assert WebClient(server.address, "t").metric_names() == ["cpu"]

    assert len({*server.requests}) == 1


def test_a_server_that_stays_busy_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracerd.web_client.connection.MAX_TRIES", 2)
    with answering(BUSY, BUSY) as server, pytest.raises(ApiError, match="busy") as caught:
        WebClient(server.address, "t").metric_names()

    assert (caught.value.code, caught.value.status, caught.value.retry_after_s) == ("TOO_MANY_REQUESTS", 429, 0)


@pytest.mark.parametrize(
    ("answer", "code", "status"),
    [
        (reply("503 No", '{"message":"no","code":"SERVICE_UNAVAILABLE"}'), "SERVICE_UNAVAILABLE", 503),
        (reply("429 Too Many", ""), "BAD_ANSWER", 429),
        (reply("431 Long", ""), "BAD_ANSWER", 431),
        (reply("404 No", '{"message":1}'), "BAD_ANSWER", 404),
        (reply("500 No", "[" * 100_000), "BAD_ANSWER", 500),
        (reply("200 OK", "<html>"), "BAD_ANSWER", 200),
        (reply("200 OK", "[]"), "BAD_ANSWER", 200),
        (reply("200 OK", '{"status":"ok"}'), "BAD_ANSWER", 200),
        (b"HTTP/1.1 204 Nothing\r\n\r\n", "BAD_ANSWER", 200),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n", "NO_CONNECTION", 0),
        (NAMES[:-3], "NO_CONNECTION", 0),
        (b"", "NO_CONNECTION", 0),
        (b"SSH-2.0\r\n", "NO_CONNECTION", 0),
    ],
)
def test_a_bad_answer_is_an_error(answer: bytes, code: str, status: int) -> None:
    with answering(answer) as server, pytest.raises(ApiError) as caught:
        WebClient(server.address, "t").metric_names()

    assert (caught.value.code, caught.value.status) == (code, status)


def stream(*lines: str) -> bytes:
    chunks = "".join(f"{len(line):x}\r\n{line}\r\n" for line in (": still here\n\n", *lines))
    return f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}".encode()


def test_a_stream_that_a_busy_server_refuses_is_asked_for_again() -> None:
    with (
        answering(BUSY, stream('data: {"trace_id":"t"}\n\n')) as server,
        WebClient(server.address, "t").stream() as events,
    ):
        assert [event["trace_id"] for event in events] == ["t"]


def test_a_stream_ends_with_its_connection() -> None:
    message = 'data: {"trace_id":"t"}\n\n'
    with answering(stream(message)) as server, WebClient(server.address, "t").stream() as events:
        assert [event["trace_id"] for event in events] == ["t"]


def test_what_is_raised_beside_a_stream_stays_as_it_is() -> None:
    with (
        answering(stream()) as server,
        pytest.raises(FileNotFoundError),
        WebClient(server.address, "t").stream(),
    ):
        raise FileNotFoundError


def test_a_server_of_something_else_is_not_ready() -> None:
    with answering(reply("200 OK", "{}")) as server:
        assert not WebClient(server.address, "t").is_ready()


def test_a_stream_of_something_else_is_an_error() -> None:
    with (
        answering(stream("data: no\n\n")) as server,
        WebClient(server.address, "t").stream() as events,
        pytest.raises(ApiError, match="something else than events") as caught,
    ):
        next(events)

    assert caught.value.code == "BAD_ANSWER"


def test_a_silent_server_is_an_error_after_the_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        web = WebClient(f"127.0.0.1:{listener.getsockname()[1]}", "t", timeout_s=0.01)
        with pytest.raises(ApiError, match="it took too long") as caught:
            web.metric_names()

    assert caught.value.code == "NO_CONNECTION"


@pytest.mark.parametrize("ask", [WebClient.trace, WebClient.build])
def test_an_empty_id_is_an_error_without_a_request(ask: Callable[[WebClient, str], object]) -> None:
    with pytest.raises(ApiError, match="the id of a trace is empty") as caught:
        ask(WebClient("127.0.0.1:1", "t"), "")

    assert (caught.value.code, caught.value.status) == ("BAD_REQUEST", 0)


def test_an_answer_that_comes_before_all_is_sent_is_read() -> None:
    early = reply("413 Too Large", '{"message":"too large","code":"PAYLOAD_TOO_LARGE"}')
    with answering(early) as server, pytest.raises(ApiError, match="too large") as caught:
        WebClient(server.address, "t").query("x" * (19 << 20))

    assert (caught.value.code, caught.value.status) == ("PAYLOAD_TOO_LARGE", 413)


def test_no_server_is_an_error_that_names_the_address(tmp_path: Path) -> None:
    with pytest.raises(ApiError, match=f"unix:{tmp_path}/none: No such file or directory") as caught:
        WebClient(f"{tmp_path}/none").metric_names()

    assert (caught.value.code, caught.value.status) == ("NO_CONNECTION", 0)
    assert not WebClient(f"{tmp_path}/none").is_ready()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.org:80",
        "https://127.0.0.1:8742",
        "http://127.0.0.1",
        "127.0.0.1:0",
        "1.2.3.4:5",
        "[::1]:65536",
        "x",
    ],
)
def test_no_address_of_this_machine(text: str) -> None:
    with pytest.raises(ApiError, match="is no address of this machine") as caught:
        WebClient(text, "t")

    assert caught.value.code == "BAD_ADDRESS"


@pytest.mark.parametrize("text", ["http://localhost:{}/", "localhost:{}", "{}", ":{}", "http://127.0.0.1:{}"])
def test_addresses(text: str) -> None:
    with answering(NAMES) as server:
        port = server.address.rpartition(":")[2]

        assert WebClient(text.format(port), "t").metric_names() == ["cpu"]


def test_the_address_and_the_token_are_those_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tracerd-web.token").write_text("usual\n")
    (tmp_path / "named").write_text("named")
    monkeypatch.setenv("TRACERD_SOCKET", f"{tmp_path}/s")
    with answering(NAMES, NAMES, NAMES) as server:
        monkeypatch.setenv("TRACERD_WEB_ADDRESS", server.address)
        WebClient().metric_names()
        monkeypatch.setenv("TRACERD_WEB_TOKEN_FILE", f"{tmp_path}/named")
        WebClient().metric_names()
        WebClient(None, "given").metric_names()

    tokens = [request.partition("Authorization: Bearer ")[2].split("\r\n")[0] for request in server.requests]
    assert tokens == ["usual", "named", "given"]


def test_without_anything_the_address_and_the_token_file_are_the_usual_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TRACERD_WEB_ADDRESS", raising=False)

    assert (address.PORT, address.TOKEN_NAME) == (sockets.PORT, tokens.NAME)
    assert address.find_address(None) == address.Address(f"127.0.0.1:{sockets.PORT}")


def test_a_token_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "two").write_text("a b")
    for token in ("two words", "", "ü"):
        with pytest.raises(ApiError, match="the token holds no token"):
            WebClient("8742", token)
    for name, why in (("none", "start tracerd web"), ("two", "holds no token"), (".", "Is a directory")):
        monkeypatch.setenv("TRACERD_WEB_TOKEN_FILE", f"{tmp_path}/{name}")
        with pytest.raises(ApiError, match=why) as caught:
            WebClient("8742")
        assert caught.value.code == "BAD_TOKEN"
