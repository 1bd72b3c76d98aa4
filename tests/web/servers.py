"""A real server for tests: `tracerd web` as a process of its own, and requests to it."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from tests import forks
from tests.harness import PATIENCE_S, short_dir

TOKEN = "a-token-for-tests-only"  # noqa: S105

Parameters = Mapping[str, str] | list[tuple[str, str]]

NO_HEADERS: Mapping[str, str] = {}


class Reply(NamedTuple):
    """An answer."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class UnixConnection(http.client.HTTPConnection):
    """A connection over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=PATIENCE_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(PATIENCE_S)
        self.sock.connect(str(self._path))


class Server:
    """A running server.

    Args:
        home: A directory of its own, with a short path.
        directory: The logs.
        options: Of `tracerd web`.
        forked: Whether it is a copy of the process that has everything imported; for figures it must not be.
    """

    def __init__(self, home: Path, directory: Path, *options: str | Path, forked: bool = True) -> None:
        self.home = home
        self.directory = directory
        self.token_file = home / "token"
        if not self.token_file.exists():
            self.token_file.write_text(TOKEN)
            self.token_file.chmod(0o600)
        self.stderr_path = home / "stderr"
        self.environ = os.environ | {
            "XDG_CACHE_HOME": str(home / "cache"),
            "XDG_STATE_HOME": str(home / "state"),
            "TRACERD_SOCKET": str(home / "s"),
            "TRACERD_WEB_TOKEN_FILE": str(self.token_file),
        }
        where = () if {"--unix", "--port"} & {*map(str, options)} else ("--port", "0")
        words = ["web", "-d", str(directory), *where, *map(str, options)]
        read_fd, write_fd = os.pipe()
        with open(read_fd) as printed:
            with open(write_fd, "wb") as stdout, self.stderr_path.open("wb") as stderr:
                self.process: forks.Fork | subprocess.Popen[bytes]
                if forked:
                    self.process = forks.start(words, stdout, stderr, environ=self.environ)
                else:
                    command = [sys.executable, "-m", "tracerd", *words]
                    self.process = subprocess.Popen(command, stdout=stdout, stderr=stderr, env=self.environ)
            self.login_url = printed.readline().strip()
        assert self.login_url, self.stderr()
        self.port: int = 0 if self.login_url.startswith("unix:") else urlsplit(self.login_url).port or 80
        self.url = f"http://127.0.0.1:{self.port}/" if self.port else self.login_url

    def stderr(self) -> str:
        return self.stderr_path.read_text(errors="replace")

    def connect(self, host: str = "127.0.0.1") -> http.client.HTTPConnection:
        if not self.port:
            return UnixConnection(Path(self.url.removeprefix("unix:")))
        return http.client.HTTPConnection(host, self.port, timeout=PATIENCE_S)

    def ask(
        self,
        path: str,
        parameters: Parameters = NO_HEADERS,
        *,
        method: str = "GET",
        headers: Mapping[str, str] = NO_HEADERS,
        body: bytes | None = None,
        token: str | None = TOKEN,
    ) -> Reply:
        """Ask for something, with the token."""
        target = f"{path}?{urlencode(parameters)}" if parameters else path
        with_token = {"Authorization": f"Bearer {token}"} if token else {}
        with self.opened(method, target, {**with_token, **headers}, body) as response:
            return Reply(response.status, response.headers, response.read())

    @contextmanager
    def opened(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Generator[http.client.HTTPResponse]:
        """An answer that is not read yet; asked for again after a second, if the server says so.

        The tests of a module share a server, and a fast machine asks it more often in a second than it answers.
        """
        while True:
            connection = self.connect()
            try:
                connection.request(method, target, body, headers)
                response = connection.getresponse()
                has_rate = method == "GET" or target.startswith("/api/")  # what writes has none
                if not has_rate or (response.status, response.headers["Retry-After"]) != (429, "1"):
                    yield response
                    return
            finally:
                connection.close()
            time.sleep(1)

    def get(self, path: str, parameters: Parameters = NO_HEADERS) -> Any:
        """The JSON of an answer that must be there."""
        reply = self.ask(path, parameters)
        assert reply.status == 200, reply.body
        return reply.json()

    def stop(self) -> None:
        """Stop it as a person would, and make sure that it had no bug to report."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE_S) == 0, self.stderr()
        assert "Traceback" not in self.stderr(), self.stderr()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def serving(directory: Path, *options: str | Path) -> Generator[Server]:
    """A server over some logs."""
    with short_dir() as home:
        server = Server(home, directory, *options)
        try:
            yield server
            server.stop()
        finally:
            server.kill()
