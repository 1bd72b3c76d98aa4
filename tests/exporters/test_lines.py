"""`tracerd export --ndjson`, `--otlp` and `--jaeger`."""

import json
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.harness import tracerd
from tracerd.exporters.ndjson import NumberedLines

KEYS = st.sampled_from(["a", "name", "args", "_trace", "_line", 'quo":te', "ph"])
VALUES = st.recursive(
    st.sampled_from([1, "x", 'y":', None, True]),
    lambda inner: st.lists(inner, max_size=2) | st.lists(st.tuples(KEYS, inner), max_size=3).map(tuple),
    max_leaves=6,
)
OBJECTS = st.lists(st.tuples(KEYS, VALUES), max_size=5).map(tuple)
BLANKS = st.sampled_from(["", " ", "\t"])


def written(value: object, blank: str) -> str:
    """JSON, with repeated keys and blanks."""
    if isinstance(value, tuple):
        pairs = (
            f"{json.dumps(key)}{blank}:{blank}{written(item, blank)}"
            for key, item in cast("tuple[tuple[str, object], ...]", value)
        )
        return "{" + f"{blank},{blank}".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(written(item, blank) for item in cast("list[object]", value)) + "]"
    return json.dumps(value)


@given(st.lists(st.tuples(OBJECTS, BLANKS), min_size=1, max_size=4))
def test_each_line_is_the_event_with_its_place_and_no_key_twice(objects: list[tuple[Any, str]]) -> None:
    block = "".join(written(value, blank) + "\n" for value, blank in objects).encode()
    lines = b"".join(NumberedLines("it's").of([block])).splitlines()

    assert len(lines) == len(objects)
    for number, (line, (value, blank)) in enumerate(zip(lines, objects, strict=True), 1):
        pairs: list[tuple[str, object]] = json.loads(line, object_pairs_hook=list)
        keys = [key for key, _ in pairs]
        assert len(set(keys)) == len(keys)
        event = {key: item for key, item in json.loads(written(value, blank)).items() if key not in ("_trace", "_line")}
        assert json.loads(line) == {"_trace": "it's", "_line": number, **event}


def test_what_is_no_object_is_counted_and_left_out() -> None:
    lines = NumberedLines("t")
    text = b"".join(lines.of([b'{"a":1}\nno\n[1]\n\n{"b":2}\n']))

    assert text == b'{"_trace":"t","_line":1,"a":1}\n{"_trace":"t","_line":5,"b":2}\n'
    assert (lines.bad_lines, lines.first_bad_line) == (3, 2)


TRACE = "build-0af7651916cd43dd8448eb211c80319c"
CLOCK = b'{"monotonic_us":1000,"boottime_us":1000,"realtime_us":1767225600000000}'
LOG = (
    b'{"ph":"M","name":"tracerd_clock","args":'
    + CLOCK
    + rb"""}
{"ph":"M","name":"process_name","pid":7,"args":{"name":"cc"}}
{"ph":"X","name":"outer","cat":"c","pid":7,"tid":8,"ts":1000.25,"dur":10.5,"args":{"n":1,"f":0.5,"on":true,"l":[1,"a"],"o":{"k":null},"big":18446744073709551616}}
{"ph":"X","name":"inner","pid":7,"tid":8,"ts":1001,"dur":1,"args":{"error":"no","kind":"client"}}
{"ph":"X","name":"told","pid":7,"tid":9,"ts":1002,"dur":1,"args":{"span_id":"00f067aa0ba902b7","parent_span_id":"b7ad6b7169203331"}}
{"ph":"B","name":"open","pid":7,"tid":8,"ts":2000}
{"ph":"i","cat":"log","name":"l","pid":7,"tid":8,"ts":1003,"args":{"level":"warning","message":"careful","service":"s"}}
{"ph":"i","name":"mark","pid":7,"tid":8,"ts":1004}
{"ph":"C","name":"c","pid":7,"ts":1005,"id":"k=v","args":{"value":3,"load":0.5}}
"""
)


def exported(tmp_path: Path, option: str) -> bytes:
    log = tmp_path / f"{TRACE}.jsonl"
    log.write_bytes(LOG)
    done = tracerd("export", log, option, "-")
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


def test_otlp_has_spans_with_parents_types_and_times(tmp_path: Path) -> None:
    requests = [json.loads(line) for line in exported(tmp_path, "--otlp").splitlines()]
    [spans] = [request["resourceSpans"] for request in requests if "resourceSpans" in request]
    [of_process] = spans
    outer, inner, told, unfinished = of_process["scopeSpans"][0]["spans"]

    assert {"key": "service.name", "value": {"stringValue": "cc"}} in of_process["resource"]["attributes"]
    assert {span["traceId"] for span in (outer, inner, told, unfinished)} == {TRACE[-32:]}
    assert inner["parentSpanId"] == outer["spanId"]
    assert "parentSpanId" not in outer
    assert (told["spanId"], told["parentSpanId"]) == ("00f067aa0ba902b7", "b7ad6b7169203331")
    assert (outer["startTimeUnixNano"], outer["endTimeUnixNano"]) == ("1767225600000000250", "1767225600000010750")
    assert (inner["kind"], inner["status"]) == (3, {"code": 2, "message": "no"})
    assert {"key": "tracerd.unfinished", "value": {"boolValue": True}} in unfinished["attributes"]
    assert outer["attributes"] == [
        {"key": "category", "value": {"stringValue": "c"}},
        {"key": "thread.id", "value": {"intValue": "8"}},
        {"key": "n", "value": {"intValue": "1"}},
        {"key": "f", "value": {"doubleValue": 0.5}},
        {"key": "on", "value": {"boolValue": True}},
        {"key": "l", "value": {"arrayValue": {"values": [{"intValue": "1"}, {"stringValue": "a"}]}}},
        {"key": "o", "value": {"kvlistValue": {"values": [{"key": "k", "value": {}}]}}},
        {"key": "big", "value": {"doubleValue": 18446744073709551616.0}},
    ]


def test_otlp_has_logs_and_gauges(tmp_path: Path) -> None:
    requests = [json.loads(line) for line in exported(tmp_path, "--otlp").splitlines()]
    records = [
        record
        for request in requests
        for resource in request.get("resourceLogs", [])
        for record in resource["scopeLogs"][0]["logRecords"]
    ]
    [of_metrics] = [request["resourceMetrics"] for request in requests if "resourceMetrics" in request]
    metrics = of_metrics[0]["scopeMetrics"][0]["metrics"]

    assert [(record["body"]["stringValue"], record.get("severityNumber")) for record in records] == [
        ("careful", 13),
        ("mark", None),
    ]
    assert [(metric["name"], metric["gauge"]["dataPoints"][0].get("asInt")) for metric in metrics] == [
        ("c", "3"),
        ("c.load", None),
    ]
    assert metrics[1]["gauge"]["dataPoints"][0]["asDouble"] == 0.5
    assert metrics[0]["gauge"]["dataPoints"][0]["attributes"] == [{"key": "k", "value": {"stringValue": "v"}}]


def test_times_since_1970_stay_so_in_a_log_with_a_clock_line(tmp_path: Path) -> None:
    log = tmp_path / "old.jsonl"
    clock = b'{"ph":"M","name":"tracerd_clock","args":' + CLOCK + b"}\n"
    log.write_bytes(clock + b'{"ph":"X","name":"n","pid":1,"tid":1,"ts":1700000000000000,"dur":9}\n')
    request = json.loads(tracerd("export", log, "--otlp", "-").stdout)
    [span] = request["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert span["startTimeUnixNano"] == "1700000000000000000"


def test_a_second_export_has_the_same_ids(tmp_path: Path) -> None:
    assert exported(tmp_path, "--otlp") == exported(tmp_path, "--otlp")


def test_jaeger_has_the_same_spans(tmp_path: Path) -> None:
    [trace] = orjson.loads(exported(tmp_path, "--jaeger"))["data"]
    outer, inner, told, unfinished = trace["spans"]

    assert trace["traceID"] == TRACE[-32:]
    assert inner["references"] == [{"refType": "CHILD_OF", "traceID": TRACE[-32:], "spanID": outer["spanID"]}]
    assert told["references"][0]["spanID"] == "b7ad6b7169203331"
    assert (outer["startTime"], outer["duration"]) == (1767225600000000, 10)
    assert trace["processes"][outer["processID"]]["serviceName"] == "cc"
    assert {"key": "o", "type": "string", "value": '{"k":null}'} in outer["tags"]
    assert {"key": "tracerd.unfinished", "type": "bool", "value": True} in unfinished["tags"]


def test_secrets_are_hidden_on_demand(tmp_path: Path) -> None:
    log = tmp_path / "t.jsonl"
    log.write_text('{"ph":"X","name":"n","pid":1,"tid":1,"ts":1,"dur":1,"args":{"argv":["x","--token=hunter2"]}}\n')

    for option in (["--ndjson"], ["--otlp", "-"], ["--jaeger", "-"]):
        assert b"hunter2" in tracerd("export", log, *option).stdout
        assert b"hunter2" not in tracerd("export", log, "--redact", *option).stdout


@pytest.mark.parametrize("option", [["--ndjson"], ["--otlp", "-"], ["--jaeger", "-"], ["--sqlite", "-"]], ids=str)
def test_times_beyond_what_a_float_holds_end_no_export(option: list[str], tmp_path: Path) -> None:
    log = tmp_path / "t.jsonl"
    log.write_bytes(
        b"".join(
            b'{"ph":"X","name":"c","ts":%s,"dur":1e308,"pid":1,"tid":1}\n' % ts for ts in (b"1", b"-1e300", b"1e308")
        )
    )
    done = tracerd("export", log, *option)
    assert (done.returncode, done.stderr) == (0, b"")
