"""Events as they arrive."""

import http.client
import json
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.web.conftest import log, text
from tests.web.servers import TOKEN, Server

STREAM = "/api/stream"
COMMENT = b": still here\n"


class Stream:
    """An open stream."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self._response = response

    def line(self) -> bytes:
        line = self._response.readline()
        assert self._response.readline() == b"\n"
        return line

    def message(self) -> Any:
        return json.loads(self.line().removeprefix(b"data: "))


@contextmanager
def streaming(server: Server, query: str = "") -> Generator[Stream]:
    """A stream that follows the logs already."""
    with server.opened("GET", f"{STREAM}{query}", {"Authorization": f"Bearer {TOKEN}"}) as response:
        assert (response.status, response.headers["Content-Type"]) == (200, "text/event-stream; charset=utf-8")
        stream = Stream(response)
        assert stream.line() == COMMENT
        yield stream


def append(directory: Path, trace: str, *events: dict[str, object]) -> None:
    with (directory / f"{trace}.jsonl").open("ab") as file:
        file.write(text(*events))


def test_new_events_of_all_traces(server: Server) -> None:
    with streaming(server) as stream:
        append(server.directory, "a", log("new", 5))
        first = stream.message()
        append(server.directory, "later", log("first", 5))
        second = stream.message()

    assert (first["trace_id"], first["event"]["args"]["message"]) == ("a", "new")
    assert (second["trace_id"], second["event"]["args"]["message"]) == ("later", "first")


def test_new_events_of_one_trace_and_a_level(server: Server) -> None:
    with streaming(server, "?trace=b&level=error") as stream:
        append(server.directory, "a", log("other", 5, "error"))
        append(server.directory, "b", log("small", 5), log("wanted", 6, "critical"))

        assert stream.message()["event"]["args"]["message"] == "wanted"


def test_a_trace_that_is_not_there_yet(server: Server) -> None:
    with streaming(server, "?trace=coming") as stream:
        append(server.directory, "coming", log("x", 5))

        assert stream.message()["trace_id"] == "coming"


def test_so_many_streams_may_be_open(server: Server) -> None:
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(streaming(server))
        reply = server.ask(STREAM)

    assert (reply.status, reply.headers["Retry-After"]) == (429, "5")
