"""What tests report of their end and their time, in the words of each tool."""

import json
from pathlib import Path

import msgspec
import pytest

from tests.importers.reading import args, read_text
from tests.importers.test_formats import MESON, NOON, NOON_S
from tracerd.rows.error_events import is_error


def jobs(*results: str) -> object:
    """Jobs of a CI run, which ended so."""
    times = {"started_at": f"{NOON}Z", "completed_at": f"{NOON}Z"}
    return {"run_id": 1, "name": "job", "started_at": f"{NOON}Z", "steps": [
        {"name": result, "conclusion": result, **times} for result in results
    ]}  # fmt: skip


def go_lines(*results: str) -> str:
    """Tests of go, which ended so."""
    return "".join(
        json.dumps({"Time": f"{NOON}Z", "Action": action, "Package": "p", "Test": result}) + "\n"
        for result in results
        for action in ("run", result)
    )


def junit(*results: str) -> str:
    """Tests in XML, which ended so."""
    cases = (f'<testcase name="{result}" time="1"><{result}/></testcase>' for result in results)
    return f'<testsuite name="s">{"".join(cases)}</testsuite>'


def jest_file(*results: str) -> object:
    """Tests of Jest, which ended so."""
    tests = [{"title": result, "status": result, "startAt": NOON_S * 1000, "duration": 1} for result in results]
    return {"numTotalTestSuites": 1, "testResults": [{"name": "a", "assertionResults": tests}]}


def meson_lines(*results: str) -> str:
    """Tests of meson, which ended so."""
    return "".join(f"{json.dumps(MESON | {'name': result, 'result': result})}\n" for result in results)


def playwright(*results: str) -> object:
    """Tests of Playwright, which ended so; the second of those that failed was to do so."""
    specs = [
        {"title": result, "tests": [{"expectedStatus": expected, "results": [
            {"parallelIndex": 0, "status": result, "duration": 1, "startTime": f"{NOON}Z", "error": {"message": "m"}}
            if result != "passed" else {"parallelIndex": 0, "status": result, "duration": 1, "startTime": f"{NOON}Z"}
        ]}]}
        for result, expected in zip(results, ("passed", "passed", "passed", "interrupted"), strict=True)
    ]  # fmt: skip
    return {"config": {}, "suites": [{"title": "", "specs": specs}]}


FAILED: dict[str, tuple[object, set[str]]] = {
    "github": (jobs("success", "skipped", "failure", "timed_out"), {"failure", "timed_out"}),
    "go": (go_lines("pass", "skip", "fail"), {"fail"}),
    "junit": (junit("system-out", "skipped", "failure", "error"), {"failure", "error"}),
    "jest": (jest_file("passed", "failed"), {"failed"}),
    "meson": (meson_lines("OK", "SKIP", "EXPECTEDFAIL", "FAIL", "TIMEOUT"), {"FAIL", "TIMEOUT"}),
    "playwright": (playwright("passed", "failed", "timedOut", "interrupted"), {"failed", "timedOut"}),
}


@pytest.mark.parametrize(("report", "failed"), FAILED.values(), ids=FAILED)
def test_what_failed_is_an_error_to_readers(report: object, failed: set[str], tmp_path: Path) -> None:
    read = read_text(tmp_path, report if isinstance(report, str) else json.dumps(report))
    spans = [event for event in read.of("X") if event["name"] != "p"]
    assert {event["name"] for event in spans if is_error(msgspec.Raw(json.dumps(args(event)).encode()))} == failed
    assert len(spans) > len(failed)


def test_junit_of_surefire_groups_the_digits_of_what_took_long(tmp_path: Path) -> None:
    cases = "".join(f'<testcase name="{time}" time="{time}"/>' for time in ("1,234,567.25", "1,234", "0,5"))
    read = read_text(tmp_path, f'<testsuite name="s">{cases}</testsuite>')
    assert read.names() == ["1,234,567.25", "s"]  # of the others nothing says whether the comma is one of decimals
    assert read.span("1,234,567.25")["dur"] == 1_234_567_250_000
