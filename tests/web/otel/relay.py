"""Passes requests on to a server, and keeps what passed."""

import gzip
import json
import threading
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from email.message import Message as Headers
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from typing import NamedTuple

from google.protobuf.message import Message

from tests.exporters.otlp_messages import items
from tests.web.servers import Server
from tracerd.otlp import protobuf


class Passed(NamedTuple):
    """A request that passed, and the status of its answer."""

    signal: str
    message: Message
    media_type: str
    status: int


class Relay:
    """What passed so far."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.passed: list[Passed] = []

    def items(self) -> Counter[str]:
        """Each span, record and point."""
        return Counter(item for one in self.passed for item in items(one.signal, one.message))


def message_of(signal: str, body: bytes, media_type: str) -> Message:
    kind = protobuf.request_type(signal)
    return kind.FromString(body if media_type.endswith("protobuf") else protobuf.encoded(signal, json.loads(body)))


def body_of(file: BufferedIOBase, headers: Headers) -> bytes:
    """A body, which may come in chunks."""
    if headers["Transfer-Encoding"] != "chunked":
        return file.read(int(headers["Content-Length"]))
    body = b""
    while size := int(file.readline(), 16):
        body += file.read(size)
        file.readline()
    file.readline()
    return body


@contextmanager
def relaying(server: Server) -> Generator[Relay]:
    """A relay in front of a server."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = body_of(self.rfile, self.headers)
            names = ("Content-Type", "Content-Encoding", "Authorization")
            headers = {name: self.headers[name] for name in names if name in self.headers}
            reply = server.ask(self.path, method="POST", headers=headers, body=body, token=None)
            plain = gzip.decompress(body) if headers.get("Content-Encoding") == "gzip" else body
            signal, media_type = self.path.rpartition("/")[2], headers["Content-Type"]
            relay.passed.append(Passed(signal, message_of(signal, plain, media_type), media_type, reply.status))
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.headers["Content-Type"])
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name there)
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http_server:
        relay = Relay(http_server.server_address[1])
        thread = threading.Thread(target=http_server.serve_forever)
        thread.start()
        try:
            yield relay
        finally:
            http_server.shutdown()
            thread.join()
