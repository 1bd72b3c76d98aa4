"""A server and the daemon that it writes to, for tests."""

import gzip
import json
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, NamedTuple

from tests.harness import Daemon, running_daemon, short_dir
from tests.web.servers import Reply, Server

JSON = {"Content-Type": "application/json"}
PROTOBUF = {"Content-Type": "application/x-protobuf"}


class Recording(NamedTuple):
    """Both of them."""

    server: Server
    daemon: Daemon

    def post(self, path: str, body: object, *, is_gzip: bool = False) -> Reply:
        """Send a body: bytes of protobuf, or anything else as JSON."""
        headers = PROTOBUF if isinstance(body, bytes) else JSON
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        if is_gzip:
            headers, sent = {**headers, "Content-Encoding": "gzip"}, gzip.compress(sent)
        return self.server.ask(path, method="POST", headers=headers, body=sent)

    def traces(self) -> set[str]:
        """The logs that there are."""
        return {path.stem for path in self.daemon.dir.glob("*.jsonl")}

    def events(self, trace_id: str, phase: str) -> list[dict[str, Any]]:
        """The events of a phase in a log."""
        found = [json.loads(line) for line in self.daemon.events(trace_id)]
        return [event for event in found if event["ph"] == phase]


@contextmanager
def recording(*options: str) -> Generator[Recording]:
    """A server and a daemon; the options are the daemon's."""
    with running_daemon(*options) as daemon, short_dir() as home:
        server = Server(home, daemon.dir, "--socket", daemon.socket)
        try:
            yield Recording(server, daemon)
            server.stop()
        finally:
            server.kill()
