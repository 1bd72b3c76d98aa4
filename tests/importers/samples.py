"""A file of each format, as short as it can be with two spans in it."""

import json
from typing import Final

from tests.importers.test_formats import JAEGER, MESON, OTLP

_STAMPS: Final = {"started_at": "2023-11-14T22:13:20Z", "completed_at": "2023-11-14T22:13:25Z"}
_ZIPKIN: Final = {"traceId": "t", "id": "1", "name": "a", "timestamp": 1_700_000_000_000_000, "duration": 9}
_NEXT: Final = {"traceId": "t", "id": 1, "name": "a", "timestamp": 9, "duration": 9, "startTime": 1_700_000_000_000}
_TRY: Final = {"parallelIndex": 0, "status": "passed", "duration": 5, "startTime": "2023-11-14T22:13:20.100Z"}
_FILE: Final[dict[str, object]] = {
    "name": "a",
    "startTime": 1_700_000_000_000,
    "endTime": 1_700_000_000_050,
    "assertionResults": [],
}
_TASK: Final = {"taskId": "a", "execution": {"startTime": 1_700_000_000_000, "endTime": 1_700_000_000_070}}
_GO: Final = {"Time": "2023-11-14T22:13:20.5Z", "Package": "p", "Test": "A"}
_GIT: Final = {"sid": "20231114T221320.000000Z-H0-P000034e6", "thread": "main", "time": "2023-11-14T22:13:20.5Z"}
_CARGO: Final = {"run_id": "1", "timestamp": "2023-11-14T22:13:20.5Z", "index": 0, "elapsed": 0.5}
_UNIT: Final = {"i": 0, "name": "app", "version": "1", "target": "", "start": 0.1, "duration": 0.5, "sections": None}


POINT: Final = {"timeUnixNano": "1700000000000000000"}


def otlp_metrics(*metrics: object) -> dict[str, object]:
    """A request with these metrics of one process."""
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    return {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": metrics}]}]}


def _lines(*values: object) -> str:
    return "".join(f"{json.dumps(value)}\n" for value in values)


TEXTS: Final = {
    "tef": json.dumps({"traceEvents": [{"ph": "X", "name": "a", "pid": 2, "tid": 2, "ts": 1, "dur": 2}] * 2}),
    "github": json.dumps({"jobs": [{"name": "a", **_STAMPS, "steps": [{"name": "b", **_STAMPS}]}]}),
    "jaeger": json.dumps({"data": [JAEGER]}),
    "zipkin": json.dumps([_ZIPKIN, {**_ZIPKIN, "id": "2"}]),
    "otlp": json.dumps(
        OTLP | otlp_metrics({"name": "n", "gauge": {"dataPoints": [{**POINT, "asInt": "4"}] * 2}}), indent=1
    ),
    "playwright": json.dumps(
        {"config": {}, "suites": [{"title": "a", "specs": [{"title": "b", "tests": [{"results": [_TRY, _TRY]}]}]}]}
    ),
    "jest": json.dumps({"numTotalTestSuites": 1, "testResults": [_FILE, {**_FILE, "name": "b"}]}),
    "meson": _lines(MESON, MESON),
    "go-test": _lines({**_GO, "Action": "run"}, {**_GO, "Action": "pass"}),
    "junit": '<testsuite name="a" time="1"><testcase name="b" time="0.5"/><testcase name="c" time="0.5"/></testsuite>',
    "ninja": "# ninja log v5\n1\t34\t1700000000249489785\ta.o\t35aade8b2b909fb2\n"
    "34\t65\t1700000000283239915\tb\t1ff86fda2ff97cff\n",
    "next-trace": _lines([_NEXT, {**_NEXT, "id": 2}]),
    "cargo-page": "<html><title>Cargo Build Timings</title><td>Build start:</td><td>2023-11-14T22:13:20Z</td>"
    f"<script>const UNIT_DATA = {json.dumps([_UNIT, {**_UNIT, 'i': 1}])};</script></html>",
    "cargo-log": _lines(
        {**_CARGO, "reason": "unit-registered", "target": {"name": "a", "kind": "lib"}},
        {**_CARGO, "reason": "unit-started"},
        {**_CARGO, "reason": "unit-finished", "elapsed": 0.75},
    ),
    "strace": "12 1700000000.982347 brk(NULL) = 0x5588 <0.000032>\n12 1700000000.983347 close(0 <unfinished ...>\n"
    "13 1700000000.983447 wait4(-1) = -1 ECHILD (No child processes) <0.000030>\n"
    "12 1700000000.984347 <... close resumed>) = 0 <0.001>\n",
    "git-trace2": _lines(
        {"event": "version", **_GIT}, {"event": "cmd_name", "name": "gc", **_GIT}, {"event": "exit", "t_abs": 1, **_GIT}
    ),
    "turbo-summary": json.dumps({"turboVersion": "2", "tasks": [_TASK, {**_TASK, "taskId": "b"}]}),
}
