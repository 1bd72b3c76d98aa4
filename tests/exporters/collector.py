"""A server of OpenTelemetry's protocol: it takes what an export sends, and answers as a test wants."""

import gzip
import json
import socket
import subprocess
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from tests.commands import invoke
from tests.harness import PATIENCE_S
from tests.http_server import Answer, Request, serving
from tracerd.otlp import protobuf


class OtlpRequest(Request):
    """What an export sends."""

    @property
    def signal(self) -> str:
        """The last part of the path."""
        return self.path.partition("?")[0].rpartition("/")[2]

    def message(self) -> Any:
        """The request, as OpenTelemetry's JSON."""
        if self.headers["content-type"] == "application/json":
            return json.loads(self.body)
        assert self.headers["content-type"] == "application/x-protobuf"
        return protobuf.decoded(protobuf.request_type(self.signal), self.body)

    def parts(self, key: str) -> list[Any]:
        """All values of a key, wherever they stand."""
        return _parts(self.message(), key)


def _parts(value: object, key: str) -> list[Any]:
    if isinstance(value, dict):
        known = cast("dict[str, Any]", value)
        return [*known.get(key, []), *(part for item in known.values() for part in _parts(item, key))]
    some = cast("list[object]", value) if isinstance(value, list) else []
    return [part for item in some for part in _parts(item, key)]


class Collector:
    """The server.

    Attributes:
        url: Its URL.
        requests: What came, in order.
    """

    def __init__(self) -> None:
        self.requests: list[OtlpRequest] = []
        self.answers: Callable[[OtlpRequest, int], Answer] = lambda _request, _number: Answer()
        self.url = ""
        self.came = threading.Condition()

    def answer(self, *answers: Answer) -> None:
        """Give these answers, and then success."""
        self.answers = lambda _, number: answers[number - 1] if number <= len(answers) else Answer()

    def wait(self, count: int) -> None:
        """Wait until so many requests have come."""
        with self.came:
            assert self.came.wait_for(lambda: len(self.requests) >= count, PATIENCE_S)


@contextmanager
def collecting() -> Generator[Collector]:
    """A collector on a free port of 127.0.0.1."""
    collector = Collector()

    def answer(request: Request) -> Answer:
        assert request.headers["content-encoding"] == "gzip"
        found = OtlpRequest(request.path, request.headers, gzip.decompress(request.body))
        with collector.came:
            collector.requests.append(found)
            number = len(collector.requests)
            collector.came.notify_all()
        return collector.answers(found, number)

    with serving(answer) as port:
        collector.url = f"http://127.0.0.1:{port}"
        yield collector


def unused_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def span_line(number: int, **args: object) -> str:
    """A line of a log."""
    event = {"ph": "X", "name": f"n{number}", "pid": 1, "tid": 1, "ts": number * 10, "dur": 1, "args": args}
    return json.dumps(event) + "\n"


def names(requests: list[OtlpRequest]) -> list[str]:
    """The names of the spans that came."""
    return [span["name"] for request in requests for span in request.parts("spans")]


def send(log: Path, url: str, *options: str | Path, **environ: str) -> "subprocess.CompletedProcess[bytes]":
    """Export a log to a server."""
    return invoke("export", log, "--otlp", url, *options, **environ)
