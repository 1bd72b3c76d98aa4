"""What a server receives of OpenTelemetry's protocol: bytes to lines, by the trace that they go to."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.exporters.otlp_messages import Maker, items
from tests.exporters.test_otlp_round_trip import SIGNALS, exported
from tracerd.importers.formats.otlp_metrics import Totals
from tracerd.importers.otlp_requests import Log, day_log, log_of, place, received
from tracerd.otlp import protobuf
from tracerd.otlp.pieces import pieces
from tracerd.trace_id import TraceId

ID = "0af7651916cd43dd8448eb211c80319c"
NOON_NS = 1_700_000_000_000_000_000
"""2023-11-14 22:13:20 UTC."""


def nowhere(_digits: str) -> None:
    """There is no log of any id."""


def events(blocks: list[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in b"".join(blocks).splitlines()]


def spans(*some: dict[str, object], service: str = "shop") -> dict[str, object]:
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": list(some)}]}]}


def span(**fields: object) -> dict[str, object]:
    usual = {"name": "n", "spanId": "b7ad6b7169203331", "traceId": ID}
    times = {"startTimeUnixNano": str(NOON_NS), "endTimeUnixNano": str(NOON_NS + 5000)}
    return {**usual, **times, **fields}


@pytest.mark.parametrize("is_protobuf", [False, True], ids=["json", "protobuf"])
@pytest.mark.parametrize("signal", SIGNALS)
def test_no_field_is_lost(signal: str, is_protobuf: bool, tmp_path: Path) -> None:
    maker = Maker(7)
    came: Counter[str] = Counter()
    lines: list[bytes] = []
    for _ in range(10):
        message = maker.request(signal)
        body = message.SerializeToString()
        if not is_protobuf:
            body = orjson.dumps(protobuf.decoded(type(message), body))
        for piece in pieces(signal, body, is_protobuf=is_protobuf, limit=1000):
            result = received(signal, piece.request, nowhere, 0)
            lines += [block for blocks in result.lines.values() for block in blocks]
            assert (piece.unreadable, result.rejected) == (0, 0)
        came.update(items(signal, message))
    (tmp_path / "t.jsonl").write_bytes(b"".join(lines))
    went = Counter(item for name, request in exported(tmp_path) for item in items(name, request))

    assert came
    assert went == came


def test_what_has_the_id_of_a_log_goes_there_and_all_else_by_service_and_day() -> None:
    other = "1" * 32
    later = {"startTimeUnixNano": str(NOON_NS + 2 * 3600 * 10**9)}
    request = spans(span(), span(traceId=other), span(traceId=other, **later), span(traceId="x"))
    asked: list[str] = []

    def log_of_id(digits: str) -> str | None:
        asked.append(digits)
        return f"build-{ID}" if digits == ID else None

    result = received("traces", request, log_of_id, 0)
    assert {name: len([e for e in events(blocks) if e["ph"] == "X"]) for name, blocks in result.lines.items()} == {
        f"build-{ID}": 1,
        "otlp-shop-2023-11-14": 2,
        "otlp-shop-2023-11-15": 1,
    }
    assert asked == [ID, other]


def test_requests_make_a_log_a_day_however_many_they_are() -> None:
    days = range(3)
    names = {
        trace_id
        for at in range(600)
        for trace_id in received(
            "traces",
            spans(span(traceId=f"{at + 1:032x}", startTimeUnixNano=str(NOON_NS + at % len(days) * 86400 * 10**9))),
            nowhere,
            0,
        ).lines
    }
    assert names == {f"otlp-shop-2023-11-{14 + day}" for day in days}


def test_times_are_those_of_the_machine_and_a_process_has_one_pid() -> None:
    offset_ns = NOON_NS - 10**9
    first, second = (
        events(received("traces", spans(span()), nowhere, offset_ns).lines["otlp-shop-2023-11-14"]) for _ in "ab"
    )
    [one], [two] = ([event for event in some if event["ph"] == "X"] for some in (first, second))

    assert one["ts"] == 10**6
    assert one["dur"] == 5
    assert one["pid"] == two["pid"]
    assert one["tid"] != two["tid"]  # they may overlap
    assert {"name": "shop"} in [event["args"] for event in first if event["name"] == "process_name"]


def test_what_was_before_the_machine_started_has_a_log_that_counts_from_1970() -> None:
    old = {"startTimeUnixNano": str(NOON_NS - 1), "endTimeUnixNano": str(NOON_NS + 999)}
    result = received("traces", spans(span(), span(**old), span(startTimeUnixNano=0)), nowhere, NOON_NS)
    assert result.left_out == {"spans without a start": 1}
    assert result.rejected == 1
    times = {
        name: [(event["ts"], event["dur"]) for event in events(blocks) if event["ph"] == "X"]
        for name, blocks in result.lines.items()
    }
    assert times == {
        "otlp-shop-2023-11-14": [(0, 5)],
        "otlp-shop-2023-11-14-wall": [(NOON_NS // 1000 - 1, 1)],
    }

    points = [{"timeUnixNano": str(NOON_NS + at), "asInt": "1"} for at in (-1, 1)]
    metrics = {"scopeMetrics": [{"metrics": [{"name": "n", "gauge": {"dataPoints": points}}]}]}
    result = received("metrics", {"resourceMetrics": [metrics]}, nowhere, NOON_NS)
    assert result.rejected == 0
    assert {
        name: [event["ts"] for event in events(blocks) if event["ph"] == "C"] for name, blocks in result.lines.items()
    } == {
        "otlp-unknown_service-2023-11-14": [0.001],
        "otlp-unknown_service-2023-11-14-wall": [NOON_NS // 1000 - 1],
    }


@pytest.mark.parametrize("start", ["7", str(10**18 - 1), str(2**62), "-1"])
def test_a_time_that_no_trace_has_is_rejected_and_counted(start: str) -> None:
    result = received("traces", spans(span(), span(startTimeUnixNano=start)), nowhere, NOON_NS)
    assert [*result.lines] == ["otlp-shop-2023-11-14"]
    assert result.rejected == 1


def test_logs_of_all_requests_are_on_one_thread() -> None:
    record = {"timeUnixNano": str(NOON_NS), "body": {"stringValue": "b"}}
    request: dict[str, object] = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}
    found = [
        (event["pid"], event["tid"])
        for _ in range(2)
        for event in events(received("logs", request, nowhere, 0).lines["otlp-unknown_service-2023-11-14"])
        if event["ph"] == "i"
    ]
    assert found[0] == found[1]


def test_changes_are_added_up_over_requests() -> None:
    data = {"aggregationTemporality": 1, "dataPoints": [{"timeUnixNano": str(NOON_NS), "asInt": "2"}]}
    request: dict[str, object] = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "n", "sum": data}]}]}]}
    totals = Totals()
    values = [
        event["args"]["value"]
        for _ in range(3)
        for event in events(received("metrics", request, nowhere, 0, totals).lines["otlp-unknown_service-2023-11-14"])
        if event["ph"] == "C"
    ]
    assert values == [2, 4, 6]


def test_the_name_of_a_day_is_a_trace_id_whatever_the_service() -> None:
    assert day_log("a b/../c:d", NOON_NS) == "otlp-a_b_.._c_d-2023-11-14"
    for service in ("", "\n" * 500, "\u4e16" * 200, "/", "-", "x" * 1000):
        assert TraceId(day_log(service, 2**62)) == day_log(service, 2**62)


def test_of_several_logs_one_with_clients_takes_it_else_the_newest() -> None:
    old, new = Log(f"a-{ID}", has_clients=False, last_write_s=1), Log(f"b-{ID}", has_clients=False, last_write_s=2)
    other = Log("otlp-x", has_clients=True, last_write_s=9)

    assert log_of(ID, [old, new, other]) == f"b-{ID}"
    assert log_of(ID, [old._replace(has_clients=True), new, other]) == f"a-{ID}"
    assert log_of(ID, [other, Log(ID, has_clients=False, last_write_s=1)]) == ID
    assert log_of(ID, [other]) is None


def test_a_uuid_is_its_digits() -> None:
    uuid = "0af76519-16cd-43dd-8448-eb211c80319c"
    assert log_of(ID, [Log(uuid, has_clients=False, last_write_s=1)]) == uuid


def test_what_names_a_trace_goes_there_unless_it_is_older_than_the_machine() -> None:
    assert place("shop", NOON_NS, NOON_NS, "t") == "t"
    assert place("shop", NOON_NS - 1, NOON_NS, "t") == "t-wall"
    assert place("shop", 0, NOON_NS) == "otlp-shop-1970-01-01"
    with pytest.raises(ValueError, match="2001"):
        place("shop", 1, NOON_NS)
