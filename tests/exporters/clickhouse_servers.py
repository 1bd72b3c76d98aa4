"""Real servers of ClickHouse, the 18.16 of Debian, on loopback: two that are one cluster."""

import os
import re
import shutil
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from socket import socket
from time import monotonic, sleep
from typing import NamedTuple

DATA = Path(__file__).parents[2] / "data"

PROGRAM = shutil.which("clickhouse-server", path=f"{os.environ.get('PATH', '')}:/usr/sbin")

PASSWORD = "p'a$$ word"  # noqa: S105  of a server that lives as long as a test

_CONFIG = """<yandex>
  <logger><level>warning</level><console>1</console></logger>
  <listen_host>127.0.0.1</listen_host>
  <http_port>{http}</http_port>
  <tcp_port>{tcp}</tcp_port>
  <path>{path}/</path>
  <tmp_path>{path}/tmp/</tmp_path>
  <mark_cache_size>100000000</mark_cache_size>
  <users_config>{path}/users.xml</users_config>
  <default_profile>default</default_profile>
  <default_database>default</default_database>
  <remote_servers><tracerd>{shards}</tracerd></remote_servers>
</yandex>
"""
_SHARD = "<shard><replica><host>127.0.0.1</host><port>{}</port></replica></shard>"
_USERS = """<yandex>
  <profiles><default><max_memory_usage>500000000</max_memory_usage></default></profiles>
  <quotas><default></default></quotas>
  <users>
    <default><password></password><networks><ip>127.0.0.1</ip></networks>
      <profile>default</profile><quota>default</quota></default>
    <writer><password>{password}</password><networks><ip>127.0.0.1</ip></networks>
      <profile>default</profile><quota>default</quota></writer>
  </users>
</yandex>
"""


class Server(NamedTuple):
    """A server that runs.

    Attributes:
        port: Where it speaks HTTP.
        process: What runs.
    """

    port: int
    process: "subprocess.Popen[bytes]"

    def url(self, database: str = "tracerd") -> str:
        """The URL of a database."""
        return f"http://127.0.0.1:{self.port}/{database}"

    def ask(self, query: str, database: str = "tracerd") -> list[list[str]]:
        """The rows of a query, as texts."""
        url = f"http://127.0.0.1:{self.port}/?database={database}"
        try:
            with urllib.request.urlopen(url, query.encode(), timeout=30) as answer:
                text: str = answer.read().decode()
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from None
        return [line.split("\t") for line in text.splitlines()]

    def run(self, path: Path, database: str) -> None:
        """Run the statements of a file, for an old server."""
        text = re.sub(r"LowCardinality\((Nullable\(String\)|String)\)", r"\1", path.read_text())
        text = re.sub(r" CODEC\([^ ,]*\)", "", re.sub("--.*", "", text))
        for statement in text.split(";"):
            if statement.strip():
                self.ask(statement, database)


def _free_ports(count: int) -> list[int]:
    sockets = [socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@contextmanager
def running_servers(directory: Path) -> Generator[list[Server]]:
    """Two servers, with the database `tracerd_shard` on each, and `tracerd` over both."""
    assert PROGRAM is not None
    ports = _free_ports(4)
    shards = "".join(_SHARD.format(port) for port in ports[2:])
    servers: list[Server] = []
    try:
        for at in range(2):
            path = directory / f"server{at}"
            path.mkdir()
            config = _CONFIG.format(http=ports[at], tcp=ports[2 + at], path=path, shards=shards)
            (path / "config.xml").write_text(config)
            (path / "users.xml").write_text(_USERS.format(password=PASSWORD))
            with open(path / "log", "wb") as log:
                process = subprocess.Popen([PROGRAM, f"--config-file={path / 'config.xml'}"], stdout=log, stderr=log)
            servers.append(Server(ports[at], process))
        for server in servers:
            _wait(server)
            for database in ("tracerd_shard", "tracerd", "single"):
                server.ask(f"CREATE DATABASE {database}", "default")
            server.run(DATA / "clickhouse.sql", "tracerd_shard")
            server.run(DATA / "clickhouse.sql", "single")
            server.run(DATA / "clickhouse-distributed.sql", "tracerd")
        yield servers
    finally:
        for server in servers:
            server.process.send_signal(signal.SIGKILL)
            server.process.wait()


def _wait(server: Server) -> None:
    end_s = monotonic() + 30
    while True:
        try:
            server.ask("SELECT 1", "default")
        except OSError:
            assert server.process.poll() is None, "the server has ended"
            assert monotonic() < end_s, "the server does not answer"
            sleep(0.1)
        else:
            return
