"""A server that answers what a test gives it: what the real one does not do on request."""

import socket
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager

from tests.harness import PATIENCE_S


class FakeServer:
    """Answers each connection with the next text, and closes it.

    Attributes:
        address: Where it listens.
        requests: What came, a text for each connection.
    """

    def __init__(self, listener: socket.socket, replies: Sequence[bytes]) -> None:
        self._listener = listener
        self._replies = replies
        self.address = f"127.0.0.1:{listener.getsockname()[1]}"
        self.requests: list[str] = []

    def run(self) -> None:
        for reply in self._replies:
            connection, _ = self._listener.accept()
            with connection:
                connection.settimeout(PATIENCE_S)
                self.requests.append(connection.recv(65536).decode())
                connection.sendall(reply)


def reply(status: str, body: str, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", body]
    return "\r\n".join(lines).encode()


@contextmanager
def answering(*replies: bytes) -> Generator[FakeServer]:
    """A server that gives these answers, one to each connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE_S)
        server = FakeServer(listener, replies)
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            yield server
        finally:
            thread.join(PATIENCE_S)
