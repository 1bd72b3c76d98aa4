"""A server of HTTP in the process of the test: it gives what is posted to the test, which chooses the answer."""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

POLL_S = 0.01
"""How long the end of the server may take."""


@dataclass(frozen=True)
class Answer:
    """What a server answers.

    Attributes:
        status: The status of HTTP.
        headers: Headers of it.
        body: Its body.
        cut: How many bytes of the body are sent before the connection is closed; None for all.
        hangs: Whether nothing is sent until the client goes.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b"{}"
    cut: int | None = None
    hangs: bool = False


@dataclass(frozen=True)
class Request:
    """What came; the names of headers are in small letters."""

    path: str
    headers: dict[str, str]
    body: bytes


@contextmanager
def serving(answer: Callable[[Request], Answer | None]) -> Generator[int]:
    """Serve on a free port of 127.0.0.1, and give the port.

    Args:
        answer: Called with each request, in a thread of its connection; None closes that without an answer.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            request = Request(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            found = answer(request)
            self.close_connection = found is None or found.hangs or found.cut is not None
            if found is None:
                return
            with suppress(OSError):  # the client has gone
                self._send(found)

        def _send(self, found: Answer) -> None:
            if found.hangs:
                self.connection.recv(1)
                return
            self.send_response(found.status)
            usual = {"Content-Type": "application/json", "Content-Length": str(len(found.body))}
            for name, value in (usual | found.headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(found.body if found.cut is None else found.body[: found.cut])

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name that the library gives it)
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=[POLL_S])
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
