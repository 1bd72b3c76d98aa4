"""Alerts of logs that were read before: as those of a first reading, whatever has become of log and processes."""

import json
import subprocess
from collections.abc import Generator
from typing import Any

import pytest

from tests.commands import invoke
from tests.web.conftest import PROCESS, START_US, clock, log, span, text
from tests.web.servers import Server, serving

HEAD = text(clock(START_US), PROCESS)


def errors(count: int, start: int = 0) -> bytes:
    return text(*({**log("no", start + at, "error", service="shop"), "name": "no"} for at in range(count)))


def slow(count: int) -> bytes:
    return text(*(span("GET /", at, 1_500_000, service="shop") for at in range(count)))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Server]:
    directory = tmp_path_factory.mktemp("alerts") / "logs"
    directory.mkdir(mode=0o700)
    with serving(directory) as running:
        yield running


def alerts(server: Server, trace: str = "t") -> list[Any]:
    """The alerts of a trace, which must be those of `tracerd watch --once`."""
    found: list[Any] = server.get("/api/alerts", {"trace": trace})["data"]
    printed = invoke("watch", "--once", "--json", "-d", server.directory, trace).stdout
    assert found == [json.loads(line) for line in printed.splitlines()]
    return found


@pytest.mark.parametrize(
    ("content", "rules"),
    [
        (errors(10), []),
        (errors(11), ["error_spike"]),
        (errors(11).replace(b'"log"', rb'"\u006cog"'), ["error_spike"]),
        (errors(4) + errors(7, 3_000_000), ["error_spike"]),
        (slow(19), []),
        (slow(20), ["high_latency"]),
        (slow(20).rstrip(b"\n"), ["high_latency"]),
        (slow(20) + errors(11), ["error_spike", "high_latency"]),
    ],
)
def test_a_log_is_left_out_only_if_it_has_too_few_rows(server: Server, content: bytes, rules: list[str]) -> None:
    (server.directory / "t.jsonl").write_bytes(HEAD + content)

    for _ in range(2):
        assert sorted({one["rule"] for one in alerts(server)}) == rules


def test_what_is_written_later_counts(server: Server) -> None:
    path = server.directory / "t.jsonl"
    path.write_bytes(HEAD + errors(10))
    assert alerts(server) == []
    with path.open("ab") as file:
        file.write(errors(3, 50))
    assert [(one["rule"], one["state"]) for one in alerts(server)][:1] == [("error_spike", "firing")]
    path.unlink()
    assert server.ask("/api/alerts", {"trace": "t"}).status == 404
    assert server.get("/api/alerts")["data"] == []


def test_a_process_may_vanish_without_a_word_in_the_log(server: Server) -> None:
    with subprocess.Popen(["sleep", "600"]) as process:
        begun = text({"ph": "B", "name": "upload", "pid": process.pid, "tid": process.pid, "ts": 5})
        (server.directory / "t.jsonl").write_bytes(HEAD + begun)
        assert alerts(server) == []
        process.kill()
    assert [one["rule"] for one in alerts(server)] == ["vanished"]
    assert [one["rule"] for one in alerts(server)] == ["vanished"]
    assert server.get("/api/alerts", {"active": "true"})["data"] == []  # it has no end, so it would be active for ever
