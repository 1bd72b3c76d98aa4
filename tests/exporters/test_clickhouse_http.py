"""What a server of ClickHouse may do wrong, and URLs and passwords that are wrong: one line, and exit code 1."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from socket import socket

import pytest

from tests.commands import invoke
from tests.http_server import Answer, Request, serving
from tracerd.errors import ExportError
from tracerd.exporters.clickhouse_http import Address, address, password_of

LINE = b'{"ph":"X","name":"n","pid":1,"tid":1,"ts":1,"dur":1}\n'


@contextmanager
def server(answer: Answer) -> Generator[tuple[int, list[Request]]]:
    """A server that gives this answer to all; its port, and what came."""
    seen: list[Request] = []

    def keep(request: Request) -> Answer:
        seen.append(request)
        return answer

    with serving(keep) as port:
        yield port, seen


FULL = (
    b"Code: 243, e.displayText() = DB::Exception: Cannot reserve 1.00 MiB, not enough space, e.what() = DB::Exception\n"
)


NO_ROWS = "answers with something else than rows; write one SELECT without FORMAT\n"
CHUNKED = {"Transfer-Encoding": "chunked"}
ELSEWHERE = {"Location": "http://elsewhere.example/x?key=s3cret"}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(500, {}, FULL), "answers 500: Code: 243, DB::Exception: Cannot reserve 1.00 MiB, not enough space\n"),
        (Answer(200, {}, b"<html>"), NO_ROWS),
        (Answer(200, {}, b"[1]"), NO_ROWS),
        (Answer(200, {}, b'{"meta":[],"data":[[1]]}'), NO_ROWS),
        (Answer(302, ELSEWHERE, b""), "points to http://elsewhere.example/x: give that URL if you trust it\n"),
        (Answer(401, {}, b"\x1b[31mno\nmore"), "answers 401: \\x1b[31mno\n"),
        (Answer(200, {}, b"{} more", cut=2), "it closes the connection, or speaks no HTTP\n"),
        (Answer(200, {}, b"\xff\xfe"), NO_ROWS),
        (Answer(200, {}, b"[" * 100_000), NO_ROWS),
        (Answer(200, {}, b'{"meta":[{"name":"a","type":"Int64"}],"data":[[1e400]]}'), NO_ROWS),
        (Answer(200, CHUNKED, b"-5\r\n"), "it closes the connection, or speaks no HTTP\n"),
    ],
    ids=range(11),
)
@pytest.mark.parametrize("command", ["export", "sql", "query"])
def test_a_server_that_does_not_answer_as_it_should(tmp_path: Path, command: str, answer: Answer, reason: str) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(LINE)
    with server(answer) as (port, seen):
        url = f"http://127.0.0.1:{port}/db"
        arguments = {
            "export": [str(path), "--clickhouse", url],
            "sql": ["--engine", url, "SELECT 1"],
            "query": ["--engine", url, "count()"],
        }[command]
        done = invoke(command, *arguments)
    assert (done.returncode, done.stdout) == (1, b""), done.stderr
    assert done.stderr.startswith(b"Error: ")
    assert done.stderr.count(b"\n") == 1
    assert done.stderr.decode().endswith(reason)
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("--json", '{"n\ufffd":"a\ufffdb","x":[{"\ufffd":"\U0001f600"}]}\n'),
        ("--csv", "n\\ud800,x\na\\udc00b,[{'\\ud800': '\U0001f600'}]\n"),
    ],
)
def test_half_a_surrogate_pair_in_an_answer(option: str, expected: str) -> None:
    """ClickHouse has no such text, but hands on what it finds in its column of JSON."""
    names = rb'[{"name":"n\ud800","type":"String"},{"name":"x","type":"JSON"}]'
    body = b'{"meta":' + names + rb',"data":[["a\udc00b",[{"\ud800":"\ud83d\ude00"}]]]}'
    with server(Answer(200, {}, body)) as (port, _):
        done = invoke("sql", "--engine", f"http://127.0.0.1:{port}/db", "SELECT 1", option)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == expected


def test_a_server_that_is_down() -> None:
    with socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/db"
        done = invoke("sql", "--engine", url, "SELECT 1")
    assert (done.returncode, done.stderr) == (1, f"Error: cannot use {url}: Connection refused\n".encode())


def test_addresses() -> None:
    assert address("clickhouse://h") == Address(False, "h", 8123, "default", "default")
    assert address("https://me@h/a%20b") == Address(True, "h", 8443, "a b", "me")
    assert str(address("http://[::1]:9/x")) == "http://[::1]:9/x"
    for url in (
        "h",
        "",
        "ftp://h/x",
        "http://",
        "http:///x",
        "http://h:99999/x",
        "http://h/a/b",
        "http://h/x?y=1",
        "http://h/\n",
    ):
        with pytest.raises(ExportError, match="this is no URL"):
            address(url)
    with pytest.raises(ExportError, match="seen by other users") as caught:
        address("http://me:s3cret@h/x")
    assert "s3cret" not in str(caught.value)


def test_passwords(tmp_path: Path) -> None:
    path = tmp_path / "p"
    assert password_of(None, {}) == ""
    assert password_of(None, {"TRACERD_CLICKHOUSE_PASSWORD": "a"}) == "a"
    path.write_bytes("é \r\nmore".encode())
    path.chmod(0o600)
    assert password_of(str(path), {"TRACERD_CLICKHOUSE_PASSWORD": "a"}) == "é "
    path.write_bytes(b"\xff")
    with pytest.raises(ExportError, match="is not UTF-8"):
        password_of(str(path), {})
    with pytest.raises(ExportError, match=r"^cannot read "):
        password_of(str(tmp_path / "none"), {})


def test_a_password_goes_in_a_header(tmp_path: Path) -> None:
    path = tmp_path / "p"
    path.write_text("pässword\n")
    path.chmod(0o600)
    with server(Answer(body=b'{"meta":[],"data":[]}')) as (port, seen):
        url = f"http://m%C3%A9@127.0.0.1:{port}/db"
        assert invoke("sql", "--engine", url, "SELECT 1", "--password-file", str(path)).returncode == 0
    assert seen[0].headers["x-clickhouse-key"].encode("latin-1").decode() == "pässword"


@pytest.mark.parametrize(
    "arguments",
    [
        ["sql", "--engine", "http://h/x", "t", "SELECT 1"],
        ["sql", "--password-file", "p", "SELECT 1"],
        ["query", "t", "count()", "--password-file", "p"],
        ["query", "--sql", "duckdb", "t", "count()"],
        ["query", "--sql", "duckdb"],
        ["query", "--engine", "http://h/x"],
        ["export", "t", "--sqlite", "x", "--password-file", "p"],
        ["export", "t", "--sqlite", "x", "--clickhouse", "http://h/x"],
    ],
)
def test_options_that_do_not_fit(arguments: list[str]) -> None:
    assert invoke(*arguments).returncode == 2


def test_alerts_are_not_for_an_engine(tmp_path: Path) -> None:
    path = tmp_path / "t.tracker"
    path.write_text("tracker t {\n metrics { n = count() }\n alerts { a = error } }")
    done = invoke("query", "--engine", "http://127.0.0.1:1/x", "--tracker", str(path))
    assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
    assert done.stderr.decode().startswith(f"Error: {path}:3:11: alerts are found in logs")
