"""A server that takes OpenTelemetry's protocol as a test says: busy, broken, hanging, or well."""

import json
import threading
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from tests.harness import PATIENCE_S

HANG = 0
"""In place of a status: no answer until the test has ended."""

_NAMES = {"/v1/traces": ("Spans", "spans"), "/v1/logs": ("Logs", "logRecords"), "/v1/metrics": ("Metrics", "metrics")}


class Request(NamedTuple):
    """A request that came."""

    path: str
    token: str
    size: int
    items: list[dict[str, Any]]


class OtlpServer:
    """What came, and what is answered.

    Args:
        answers: A status and a body for each request; then all is taken.

    Attributes:
        taken: The requests whose answer was good.
        refused: The others.
    """

    def __init__(self, answers: Iterable[tuple[int, str]]) -> None:
        self._answers: Iterator[tuple[int, str]] = iter(answers)
        self.ended = threading.Event()
        self.taken: list[Request] = []
        self.refused: list[Request] = []
        self.address = ""

    def answer(self, path: str, token: str, body: bytes) -> tuple[int, str]:
        status, text = next(self._answers, (200, "{}"))
        of, items = _NAMES[path]
        [resource] = json.loads(body).popitem()[1]
        [scope] = resource[f"scope{of}"]
        request = Request(path, token, len(body), scope[items])
        (self.taken if status in range(200, 300) else self.refused).append(request)
        if status == HANG:
            self.ended.wait(PATIENCE_S)
        return status, text

    def messages(self) -> list[str]:
        """The texts of all log messages that were taken."""
        return [item["body"]["stringValue"] for request in self.taken for item in request.items if "body" in item]


@contextmanager
def taking(*answers: tuple[int, str]) -> Generator[OtlpServer]:
    """A server that gives these answers first."""
    state = OtlpServer(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, text = state.answer(self.path, self.headers.get("Authorization", ""), body)
            if status == HANG:
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is http.server's)
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        state.address = f"127.0.0.1:{server.server_port}"
        try:
            yield state
        finally:
            state.ended.set()
            server.shutdown()
            thread.join(PATIENCE_S)
