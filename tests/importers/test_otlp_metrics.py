"""Metrics of OpenTelemetry become counters as `trace.metric` writes them."""

import json
from pathlib import Path

import pytest

from tests.commands import invoke
from tests.harness import Daemon
from tests.importers.reading import Read, args, read, read_text
from tests.importers.samples import POINT, otlp_metrics
from tests.perfetto.judge import Judge

DELTA = {"aggregationTemporality": 1}


def read_metrics(directory: Path, *metrics: dict[str, object]) -> Read:
    return read_text(directory, f"{json.dumps(otlp_metrics(*metrics))}\n")


def counters(found: Read) -> list[tuple[object, object, object]]:
    """Name, labels and value of each number, in order."""
    assert all(args(event).keys() == {"value"} for event in found.of("C"))
    return [(event["name"], event.get("id"), args(event)["value"]) for event in found.of("C")]


def labels(**values: str) -> dict[str, object]:
    return {"attributes": [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]}


def test_gauges_and_sums_are_numbers_with_labels(tmp_path: Path) -> None:
    found = read_metrics(
        tmp_path,
        {"name": "queue", "gauge": {"dataPoints": [{**POINT, "asInt": "9007199254740993"}]}},
        {"name": "load", "gauge": {"dataPoints": [{**POINT, **labels(zone="1", host="a,b%"), "asDouble": 0.5}]}},
        {"name": "sent", "sum": {"isMonotonic": True, "dataPoints": [{**POINT, "asDouble": "1e3"}]}},
    )
    assert counters(found) == [
        ("queue", None, 9007199254740993),
        ("load", "host=a%2Cb%25,zone=1", 0.5),
        ("sent", None, 1000),
    ]
    assert found.process(found.of("C")[0]).startswith("shop (")
    assert found.imported.timeline.first_ns == int(POINT["timeUnixNano"])
    assert found.imported.timeline.counts() == {"number": 3}


def test_a_histogram_is_its_count_its_sum_and_how_many_were_up_to_each_bound(tmp_path: Path) -> None:
    point = {**POINT, **labels(path="/"), "count": "7", "sum": 2.5, "min": 0.1, "max": 9}
    point |= {"explicitBounds": [0.005, 1.0, 10], "bucketCounts": ["4", "0", "2", "1"]}
    found = read_metrics(tmp_path, {"name": "wait", "histogram": {"aggregationTemporality": 2, "dataPoints": [point]}})
    assert counters(found) == [
        ("wait_count", "path=/", 7),
        ("wait_sum", "path=/", 2.5),
        ("wait_bucket", "le=0.005,path=/", 4),
        ("wait_bucket", "le=1,path=/", 4),
        ("wait_bucket", "le=10,path=/", 6),
        ("wait_bucket", "le=+Inf,path=/", 7),
    ]


def test_a_summary_has_quantiles_and_of_an_exponential_histogram_no_buckets_are_drawn(tmp_path: Path) -> None:
    quantiles = [{"value": 1.5}, {"quantile": 0.5, "value": 2}]
    found = read_metrics(
        tmp_path,
        {"name": "old", "summary": {"dataPoints": [{**POINT, "count": "3", "sum": 6.5, "quantileValues": quantiles}]}},
        {"name": "new", "exponentialHistogram": {"dataPoints": [{**POINT, "scale": 3, "sum": 1}]}},
    )
    assert counters(found) == [
        ("old_count", None, 3),
        ("old_sum", None, 6.5),
        ("old", "quantile=0", 1.5),
        ("old", "quantile=0.5", 2),
        ("new_count", None, 0),
        ("new_sum", None, 1),
    ]
    assert not found.imported.timeline.left_out


def test_changes_are_added_up_for_each_set_of_labels(tmp_path: Path) -> None:
    points = [{**POINT, **labels(host=host), "asInt": change} for host, change in ("a1", "b5", "a2", "b5", "a3")]
    histogram = {**DELTA, "dataPoints": [{**POINT, "count": "2", "explicitBounds": [], "bucketCounts": ["2"]}] * 2}
    found = read_metrics(
        tmp_path, {"name": "n", "sum": {**DELTA, "dataPoints": points}}, {"name": "h", "histogram": histogram}
    )
    assert counters(found) == [
        *[("n", f"host={host}", total) for host, total in (("a", 1), ("b", 5), ("a", 3), ("b", 10), ("a", 6))],
        *[("h_count", None, 2), ("h_bucket", "le=+Inf", 2), ("h_count", None, 4), ("h_bucket", "le=+Inf", 4)],
    ]


def test_a_point_without_a_number_or_a_time_is_left_out(tmp_path: Path) -> None:
    points: list[dict[str, object]] = [
        {**POINT, "asDouble": "NaN"},
        {**POINT, "asDouble": "Infinity"},
        {**POINT, "asInt": [1]},
        {**POINT, "flags": 1, "asInt": "4"},
        {**POINT},
        {"asInt": "4"},
        {"timeUnixNano": "soon", "asInt": "4"},
        {**POINT, "asInt": str(2**64 + 1)},
    ]
    found = read_metrics(tmp_path, {"name": "n", "gauge": {"dataPoints": points}}, {"name": "odd", "gauge": [1]}, {})
    assert counters(found) == [("n", None, 2.0**64)]
    assert found.imported.timeline.left_out == {"points without a value": 5, "points without a time": 2}


def test_a_secret_in_a_label_does_not_come(tmp_path: Path) -> None:
    point = {**POINT, **labels(url="https://joe:hunter2@example.com"), "asInt": "1"}
    found = read_metrics(tmp_path, {"name": "n", "gauge": {"dataPoints": [point]}})
    assert len(counters(found)) == 1
    assert "hunter2" not in str(found.events)


def test_perfetto_draws_a_curve_for_each_set_of_labels(perfetto: Judge, tmp_path: Path) -> None:
    points = [{**POINT, **labels(host=host), "asInt": "1"} for host in "aabc"]
    found = read_metrics(tmp_path, {"name": "n", "gauge": {"dataPoints": points}})
    path = tmp_path / "trace.json"
    path.write_text(json.dumps({"traceEvents": found.events}))
    rows, problems = perfetto.examine(path, "select count(*), count(distinct track_id) from counter")
    assert problems == {}
    assert rows == [[[4, 3]]]


def test_what_export_writes_comes_back(daemon: Daemon, tmp_path: Path) -> None:
    line = b'{"ph":"C","name":"queue","pid":2,"ts":5,"id":"host=a,zone=1","args":{"value":3}}'
    daemon.session(b"OPEN t\n%s\n" % line)
    done = invoke("export", "t", "-d", daemon.dir, "--otlp", tmp_path / "file")
    assert (done.returncode, done.stderr) == (0, b"")
    assert counters(read(tmp_path / "file")) == [("queue", "host=a,zone=1", 3)]


@pytest.mark.parametrize("at", [0, 1, 2])
def test_of_a_file_that_is_cut_off_the_whole_points_come(at: int, tmp_path: Path) -> None:
    points = [{**POINT, "asInt": str(number)} for number in range(3)]
    text = json.dumps(otlp_metrics({"name": "n", "gauge": {"dataPoints": points}}), indent=1)
    found = read_text(tmp_path, text[: text.index("}", text.index(f'"asInt": "{at}"')) + 5])
    assert found.imported.problem == "is cut off"
    assert [value for _, _, value in counters(found)] == list(range(at + 1))
