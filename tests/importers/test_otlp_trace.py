"""OpenTelemetry in a trace of the daemon: on its clock, in Perfetto, and out again."""

import json
import time
from collections import Counter
from pathlib import Path

import orjson

from tests.commands import invoke
from tests.exporters.otlp_messages import Maker, items
from tests.exporters.test_otlp_round_trip import exported
from tests.harness import Daemon
from tests.importers.reading import Read, read_text
from tests.importers.test_otlp_requests import span, spans
from tests.perfetto.judge import Judge, Row
from tracerd.otlp import protobuf

SIGNALS = ("traces", "logs", "metrics")


def requests_of(now_ns: int) -> list[tuple[str, bytes]]:
    """Requests of all signals, which begin now; as lines of a file."""
    maker = Maker(3, now_ns)
    messages = [(signal, maker.request(signal)) for signal in SIGNALS for _ in range(6)]
    return [
        (signal, orjson.dumps(protobuf.decoded(type(message), message.SerializeToString())) + b"\n")
        for signal, message in messages
        if any(items(signal, message))
    ]


def came_of(requests: list[tuple[str, bytes]]) -> Counter[str]:
    return Counter(
        item
        for signal, line in requests
        for item in items(
            signal, protobuf.request_type(signal).FromString(protobuf.encoded(signal, orjson.loads(line)))
        )
    )


def test_no_field_is_lost_by_way_of_the_daemon(daemon: Daemon, tmp_path: Path) -> None:
    requests = requests_of(time.time_ns())
    (tmp_path / "file").write_bytes(b"".join(line for _, line in requests))
    done = invoke("import", tmp_path / "file", "--into", "t", "--socket", daemon.socket, "-d", daemon.dir)
    assert done.returncode == 0, done.stderr

    (tmp_path / "t.jsonl").write_bytes((daemon.dir / "t.jsonl").read_bytes())
    went = Counter(item for signal, request in exported(tmp_path) for item in items(signal, request))
    assert went == came_of(requests)


def judged(perfetto: Judge, found: Read, directory: Path, sql: str) -> list[Row]:
    path = directory / "trace.json"
    (directory / "t.jsonl").write_text("".join(json.dumps(event) + "\n" for event in found.events))
    assert invoke("get-tef", directory / "t.jsonl", "-o", path).returncode == 0
    [rows], problems = perfetto.examine(path, sql)
    assert problems == {}
    return rows


def test_perfetto_reads_it_without_a_problem(perfetto: Judge, tmp_path: Path) -> None:
    found = read_text(tmp_path, b"".join(line for _, line in requests_of(1_700_000_000_000_000_000)))
    count = len([event for event in found.events if event["ph"] in ("X", "b", "B")])
    sql = "select count(*) from slice where dur != 0 or category is not null or arg_set_id is not null"
    [[slices]] = judged(perfetto, found, tmp_path, sql)
    assert isinstance(slices, int)
    assert slices >= count > 0


def test_a_link_is_an_arrow(perfetto: Judge, tmp_path: Path) -> None:
    first = span(name="produce", spanId="a" * 16, traceId="1" * 32)
    later = {"startTimeUnixNano": "1700000000000009000", "endTimeUnixNano": "1700000000000019000"}
    link = {"links": [{"traceId": "1" * 32, "spanId": "A" * 16}, {"traceId": "2" * 32, "spanId": "b" * 16}]}
    found = read_text(tmp_path, json.dumps(spans(first, span(name="consume", **later, **link))) + "\n")
    sql = "select a.name, b.name from flow join slice a on a.id = slice_out join slice b on b.id = slice_in"
    assert judged(perfetto, found, tmp_path, sql) == [["produce", "consume"]]
    assert found.imported.laned.arrows == 0


def test_a_span_that_failed_is_an_error_to_every_reader_and_keeps_its_attribute(tmp_path: Path) -> None:
    failed = span(status={"code": 2, "message": "no"}, attributes=[{"key": "error", "value": {"boolValue": False}}])
    found = read_text(tmp_path, json.dumps(spans(failed, span(spanId="c" * 16))) + "\n")
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(event) + "\n" for event in found.events))

    [row] = json.loads(invoke("stats", tmp_path / "t.jsonl", "--json").stdout)["groups"]
    assert (row["count"], row["errors"]) == (2, 1)
    [(_, request)] = exported(tmp_path)
    sent = [item for item in items("traces", request) if "'message', 'no'" in item]
    assert len(sent) == 1
    assert "('key', 'error'), ('value', (('boolValue', False),))" in sent[0]


def test_jaeger_has_events_and_resources(tmp_path: Path) -> None:
    attributes = [{"key": "n", "value": {"intValue": "3"}}]
    event = {"name": "retry", "timeUnixNano": "1700000000000002000", "attributes": attributes}
    found = read_text(tmp_path, json.dumps(spans(span(kind=2, events=[event]))) + "\n")
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(event) + "\n" for event in found.events))

    [trace] = json.loads(invoke("export", tmp_path / "t.jsonl", "--jaeger", "-").stdout)["data"]
    [one] = trace["spans"]
    fields = [{"key": "event", "type": "string", "value": "retry"}, {"key": "n", "type": "int64", "value": 3}]
    assert one["logs"] == [{"timestamp": 1700000000000002, "fields": fields}]
    assert {"key": "span.kind", "type": "string", "value": "server"} in one["tags"]
    assert trace["processes"][one["processID"]] == {
        "serviceName": "shop",
        "tags": [{"key": "service.name", "type": "string", "value": "shop"}],
    }
