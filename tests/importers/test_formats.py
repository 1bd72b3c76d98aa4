"""A small file of each format: what comes of it, counted by hand. Real tools make theirs in test_tools."""

import json
from pathlib import Path

import pytest

from tests.importers.reading import args, read_text
from tracerd.errors import ImportFileError

NOON_S = 1_700_000_000
NOON = "2023-11-14T22:13:20"


def test_jobs_of_a_ci_run(tmp_path: Path) -> None:
    """The queue is a span before the job; what has not been completed stays open; a skipped step has no length."""
    steps = [
        {"name": "build", "conclusion": "success", "started_at": f"{NOON}Z", "completed_at": "2023-11-14T22:13:25Z"},
        {"name": "skip", "conclusion": "skipped", "started_at": f"{NOON}Z", "completed_at": f"{NOON}Z"},
        {"name": "now", "conclusion": None, "started_at": "2023-11-14T22:13:25Z", "completed_at": None},
        {"name": "later", "started_at": None, "completed_at": None},
    ]
    job = {"id": 1, "run_id": 7, "workflow_name": "CI", "name": "linux", "created_at": "2023-11-14T22:13:10Z"}
    job |= {"started_at": "2023-11-14T22:13:15Z", "completed_at": None, "steps": steps}
    read = read_text(tmp_path, json.dumps({"total_count": 1, "jobs": [job, {"id": 2, "started_at": None}]}, indent=1))
    assert read.names() == ["build", "linux", "now", "queued", "skip"]
    assert [read.span(name)["ph"] for name in ("linux", "now", "build")] == ["B", "B", "X"]
    assert read.span("queued")["dur"] == 5_000_000
    assert read.span("skip")["dur"] == 0
    assert read.start_s(read.span("build")) == NOON_S
    assert read.process(read.span("build")).startswith("CI run 7 ")
    assert dict(read.imported.timeline.left_out) == {"steps that have not started": 1, "jobs that have not started": 1}


def test_jobs_as_the_command_gh_writes_them(tmp_path: Path) -> None:
    job: dict[str, object] = {
        "databaseId": 1,
        "name": "linux",
        "startedAt": f"{NOON}Z",
        "completedAt": "0001-01-01T00:00:00Z",
        "steps": [],
    }
    assert read_text(tmp_path, json.dumps({"jobs": [job]})).span("linux")["ph"] == "B"


def jaeger_span(name: str, span: str, parent: str, start: int, dur: int, process: str) -> dict[str, object]:
    references = [{"refType": "CHILD_OF", "traceID": "t", "spanID": parent}] if parent else []
    more = {"operationName": name, "references": references, "startTime": NOON_S * 10**6 + start, "duration": dur}
    return {"traceID": "t", "spanID": span, "processID": process, **more}


JAEGER_SPANS = [
    jaeger_span("root", "1", "", 0, 100, "p1"),
    jaeger_span("long", "2", "1", 10, 80, "p1"),
    jaeger_span("beside it", "3", "1", 20, 30, "p1"),
    jaeger_span("below it", "4", "2", 25, 10, "p1"),
    jaeger_span("elsewhere", "5", "2", 30, 10, "p2"),
]
JAEGER = {"traceID": "t", "spans": JAEGER_SPANS, "processes": {"p1": {"serviceName": "a"}, "p2": {"serviceName": "b"}}}


@pytest.mark.parametrize("document", [{"data": [JAEGER]}, JAEGER, [JAEGER]], ids=["api", "bare", "array"])
def test_jaeger_spans_lie_below_their_parents(document: object, tmp_path: Path) -> None:
    """A span that only lies within a sibling's time is beside it."""
    read = read_text(tmp_path, json.dumps(document))
    rows = {str(event["name"]): event["tid"] for event in read.of("X")}
    assert rows["root"] == rows["long"] == rows["below it"] != rows["beside it"]
    assert read.process(read.span("elsewhere")).startswith("b (")
    assert [event["ph"] for event in read.of("s", "f")] == ["s", "f"]
    assert read.start_s(read.span("root")) == NOON_S


def test_the_two_sides_of_a_zipkin_call_share_an_id(tmp_path: Path) -> None:
    def side(kind: str, service: str, start: int, dur: int | None, **more: object) -> dict[str, object]:
        span = {"traceId": "t", "id": "1", "kind": kind, "name": "get", "timestamp": NOON_S * 10**6 + start, **more}
        return span | {"localEndpoint": {"serviceName": service}} | ({"duration": dur} if dur is not None else {})

    spans = [
        side("CLIENT", "a", 0, 100, annotations=[{"timestamp": NOON_S * 10**6 + 5, "value": "retry"}]),
        side("SERVER", "b", 10, 50, shared=True),
        {"traceId": "t", "id": "2", "parentId": "1", "name": "query", "timestamp": NOON_S * 10**6 + 20}
        | {"localEndpoint": {"serviceName": "b"}},
        {"traceId": "t", "id": "3", "name": "no time"},
    ]
    read = read_text(tmp_path, json.dumps(spans))
    assert read.names() == ["get", "get", "query"]
    assert read.span("query")["ph"] == "B"
    assert len(read.of("s")) == len(read.of("f")) == 1
    assert [event["name"] for event in read.of("i")] == ["retry"]
    assert read.imported.timeline.left_out["spans without a start"] == 1


OTLP_SPANS = [
    {"traceId": "t", "spanId": "1", "name": "root", "kind": 2, "startTimeUnixNano": f"{NOON_S}000000001"}
    | {"endTimeUnixNano": f"{NOON_S}000100001", "status": {"code": 2, "message": "no"}}
    | {"attributes": [{"key": "n", "value": {"intValue": "9007199254740993"}}]},
    {"traceId": "t", "spanId": "2", "parentSpanId": "1", "name": "empty", "startTimeUnixNano": f"{NOON_S}000000001"}
    | {"endTimeUnixNano": f"{NOON_S}000000001", "events": [{"name": "e", "timeUnixNano": f"{NOON_S}000000001"}]},
]
OTLP = {
    "resourceSpans": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
            "scopeSpans": [{"scope": {"name": "lib"}, "spans": OTLP_SPANS}],
        }
    ]
}
OTLP_LOGS = {
    "resourceLogs": [
        {"scopeLogs": [{"logRecords": [{"timeUnixNano": f"{NOON_S}000000000", "body": {"stringValue": "hello"}}]}]}
    ]
}


@pytest.mark.parametrize("text", [json.dumps(OTLP), json.dumps(OTLP, indent=2)], ids=["line", "pretty"])
def test_otlp_keeps_integers_and_nanoseconds(text: str, tmp_path: Path) -> None:
    read = read_text(tmp_path, text)
    root = read.span("root")
    own = args(root)
    rest = own.pop("otlp")
    assert own == {
        "n": 9007199254740993, "trace_id": "t", "span_id": "1", "kind": "server", "status": "error",
        "status_message": "no", "error": "no",
    }  # fmt: skip
    assert isinstance(rest, dict)
    assert (rest["startTimeUnixNano"], rest["endTimeUnixNano"]) == (f"{NOON_S}000000001", f"{NOON_S}000100001")
    assert read.imported.timeline.first_ns == NOON_S * 10**9 + 1
    assert read.span("empty")["dur"] == 0
    assert read.process(root).startswith("shop (")
    assert [event["name"] for event in read.of("i")] == ["e"]


def test_otlp_lines_hold_logs_too(tmp_path: Path) -> None:
    read = read_text(tmp_path, "\n".join(map(json.dumps, [OTLP, OTLP_LOGS, {"resourceMetrics": []}, OTLP])))
    assert read.names() == ["empty", "empty", "root", "root"]
    assert "hello" in [event["name"] for event in read.of("i")]
    assert not read.imported.timeline.left_out


def test_a_retried_playwright_test_is_a_span_a_try(tmp_path: Path) -> None:
    first = {"workerIndex": 0, "parallelIndex": 0, "status": "failed", "duration": 5, "retry": 0}
    first |= {"startTime": f"{NOON}.100Z", "error": {"message": "boom"}}
    second = {**first, "workerIndex": 1, "status": "passed", "retry": 1, "startTime": f"{NOON}.200Z"}
    unstarted = {"workerIndex": -1, "parallelIndex": -1, "status": "skipped", "duration": 0, "startTime": f"{NOON}Z"}
    spec = {"title": "adds", "tests": [{"projectName": "chromium", "results": [first, second, unstarted]}]}
    suite = {"title": "a.spec.ts", "suites": [{"title": "group", "specs": [spec]}]}
    read = read_text(tmp_path, json.dumps({"config": {}, "suites": [suite]}, indent=2))
    assert read.names() == ["a.spec.ts > group > adds"] * 2
    assert read.rows() == 1
    assert [args(event)["worker"] for event in read.of("X")] == [0, 1]
    assert read.imported.timeline.left_out["tests that have not started"] == 1


def test_jest_has_tests_and_vitest_has_files(tmp_path: Path) -> None:
    test = {
        "ancestorTitles": ["sum"],
        "title": "adds",
        "status": "passed",
        "duration": 20,
        "startAt": NOON_S * 1000 + 10,
    }
    skipped: dict[str, object] = {"ancestorTitles": [], "title": "later", "status": "pending", "duration": None}
    file = {"name": "a.test.js", "startTime": NOON_S * 1000, "endTime": NOON_S * 1000 + 50, "status": "passed"}
    read = read_text(
        tmp_path, json.dumps({"numTotalTestSuites": 1, "testResults": [file | {"assertionResults": [test, skipped]}]})
    )
    assert read.names() == ["a.test.js", "sum > adds"]
    assert read.span("a.test.js")["tid"] == read.span("sum > adds")["tid"]
    assert dict(read.imported.timeline.left_out) == {"skipped tests": 1}
    del test["startAt"]
    of_vitest = [file | {"assertionResults": [test | {"meta": {"a": 1}}]}]
    read = read_text(tmp_path, json.dumps({"numTotalTestSuites": 1, "testResults": of_vitest}))
    assert read.names() == ["a.test.js"]
    assert read.imported.timeline.tool == "Vitest"
    assert dict(read.imported.timeline.left_out) == {"tests without a start": 1}


def test_what_a_parallel_go_test_waits_is_a_span(tmp_path: Path) -> None:
    def line(action: str, second: int, test: str = "", **more: object) -> str:
        named = {"Test": test} if test else {}
        time = f"2023-11-14T22:13:{second}.5Z"
        return json.dumps({"Time": time, "Action": action, "Package": "p", **named, **more})

    text = [
        line("start", 20),
        *(
            line("run", 21, "A"),
            line("pause", 22, "A"),
            line("run", 22, "B"),
            line("pass", 23, "B"),
            line("cont", 24, "A"),
        ),
        *(line("run", 25, "A/sub"), "# not JSON", line("pass", 26, "A/sub"), line("fail", 27, "A", Elapsed=4.0)),
        line("run", 27, "hangs"),
    ]
    read = read_text(tmp_path, "\n".join(text) + "\n")
    assert read.names() == ["A", "A/sub", "B", "hangs", "p", "paused"]
    assert (read.span("A")["dur"], read.span("paused")["dur"]) == (6_000_000, 2_000_000)
    assert args(read.span("A")) == {"result": "fail", "elapsed_s": 4.0, "outcome": "failed"}
    assert read.span("A")["tid"] != read.span("B")["tid"]
    assert [read.span(name)["ph"] for name in ("hangs", "p")] == ["B", "B"]


def test_go_reports_the_end_of_a_subtest_late(tmp_path: Path) -> None:
    """Before go 1.20: one after the other, then one that waits for its turn, whose own subtest runs in parallel."""

    def line(action: str, at_s: float, test: str = "", **more: object) -> str:
        time = f"2023-11-14T22:13:{at_s:06.3f}Z"
        return json.dumps({"Time": time, "Action": action, "Package": "p", "Test": test, **more})

    text = [
        line("run", 0, "A"),
        *(line("run", 0, "A/one"), line("run", 1, "A/two"), line("run", 2.5, "A/three"), line("pause", 2.5, "A/three")),
        *(line("cont", 4, "A/three"), line("run", 4.5, "A/three/in"), line("pass", 9, "A", Elapsed=4.0)),
        *(line("pass", 9, "A/one", Elapsed=1.01), line("pass", 9, "A/two", Elapsed=1.5)),
        *(line("pass", 9, "A/three", Elapsed=0.5), line("pass", 9, "A/three/in", Elapsed=4.0)),
    ]
    found = read_text(tmp_path, "\n".join(text) + "\n")
    tests = ["A", "A/one", "A/two", "A/three", "A/three/in"]
    assert [found.span(name)["dur"] for name in tests] == [9_000_000, 10**6, 1_500_000, 6_000_000, 4_000_000]
    assert len({found.span(name)["tid"] for name in tests}) == 1


def test_junit_lays_tests_end_to_end_and_warns(tmp_path: Path) -> None:
    suite = f'<testsuite name="s" time="0.5" timestamp="{NOON}Z"><testcase name="one" time="0.1"/>'
    suite += '<testcase name="two" time="0.2"><failure message="&lt;b&gt;"/></testcase></testsuite>'
    read = read_text(tmp_path, f'<?xml version="1.0"?>\n<testsuites>{suite}</testsuites>')
    assert read.names() == ["one", "s", "two"]
    assert read.start_s(read.span("two")) == pytest.approx(NOON_S + 0.1)
    assert args(read.span("two"))["result"] == "failure"
    assert read.imported.timeline.notes == [
        "the format has no start of a test: they lie one after the other in their suite"
    ]
    with pytest.raises(ImportFileError, match="entities"):
        read_text(tmp_path, '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><testsuites>&a;</testsuites>')


@pytest.mark.parametrize("encoding", ["gbk", "utf-7", "nonsense"])
def test_junit_in_an_encoding_that_is_not_read_is_one_line(encoding: str, tmp_path: Path) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?><testsuites><testsuite name="s"/></testsuites>'
    with pytest.raises(ImportFileError, match="its encoding cannot be read; convert it to UTF-8, as iconv does"):
        read_text(tmp_path, text)


def test_next_traces_have_two_clocks(tmp_path: Path) -> None:
    def span(name: str, number: int, parent: int | None, at_us: int, dur_us: int) -> dict[str, object]:
        wall_ms = NOON_S * 1000 + at_us // 1000
        above = {} if parent is None else {"parentId": parent}
        times = {"timestamp": 5_000_000 + at_us, "startTime": wall_ms, "duration": dur_us}
        return {"name": name, "id": number, "traceId": "t", "tags": {"isTurbopack": False}, **times, **above}

    first = [span("build", 1, None, 0, 9000), span("compile", 2, 1, 1000, 7000)]
    second = [span("beside", 3, 1, 2000, 1000)]
    read = read_text(tmp_path, json.dumps(first) + "\n" + json.dumps(second))
    assert read.names() == ["beside", "build", "compile"]
    assert read.span("build")["tid"] == read.span("compile")["tid"] != read.span("beside")["tid"]
    assert read.start_s(read.span("compile")) == pytest.approx(NOON_S + 0.001)


def test_a_turbo_summary_is_a_span_a_task_without_its_environment(tmp_path: Path) -> None:
    execution = {"startTime": NOON_S * 1000, "endTime": NOON_S * 1000 + 70, "exitCode": 0}
    task = {"taskId": "a#build", "command": "tsc", "execution": execution, "environmentVariables": {"X": "hunter2"}}
    cached = {"taskId": "b#build", "execution": None}
    read = read_text(tmp_path, json.dumps({"id": "1", "turboVersion": "2.11.11", "tasks": [task, cached]}))
    assert read.names() == ["a#build"]
    assert "hunter2" not in str(read.events)
    assert read.imported.timeline.left_out["tasks that have not run"] == 1


MESON = {"name": "t / first", "result": "OK", "starttime": NOON_S + 0.25, "duration": 0.5, "returncode": 0}


def test_meson_tests_come_without_their_environment(tmp_path: Path) -> None:
    line = MESON | {"env": {"TOKEN": "hunter2"}, "command": ["./t", "--password=hunter2"]}
    read = read_text(tmp_path, f"{json.dumps(line)}\n")
    assert read.start_s(read.span("t / first")) == pytest.approx(NOON_S + 0.25, abs=1e-6)
    assert "hunter2" not in str(read.events)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"nodes":[],"startTime":1,"samples":[]}', "sampled profile"),
        ('{"$schema":"https://www.speedscope.app/file-format-schema.json","profiles":[]}', "sampled profile"),
        ('[{"id":1,"intrinsicName":"any","recursionId":0,"flags":["Any"]},', "trace.json"),
        ('[{"tracePath":"trace.1.json","typesPath":"types.1.json"}]', "files that it names"),
        ('[{"traceId":"1","id":"2","name":"get","annotations":[],"binaryAnnotations":[]}]', "API v2"),
        ("08:05:32.331496 common-main.c:50             | d0 | main | version | | | | | 2.39.5\n", "GIT_TRACE2_EVENT"),
        ("PK\x03\x04", "zip"),
        ("cc1  4242 [001] 12345.678901:     250000 cpu-clock:\n", "perf"),
        ("hello\n", "no format that is known"),
    ],
)
def test_what_has_no_spans_gets_a_clear_answer(text: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(ImportFileError, match=why):
        read_text(tmp_path, text)
