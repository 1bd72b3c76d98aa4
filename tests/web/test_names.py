"""What traces, spans and services are called on pages, and that each is listed once."""

import json
from collections.abc import Generator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.builds.traces import Trace
from tests.web.browsing import Browser
from tests.web.conftest import PROCESS, attributes, log, span, text
from tests.web.servers import serving


def a_build(code: int) -> bytes:
    trace = Trace()
    make = trace.step("make all", 0, 900, exit_code=code)
    trace.step("cc -c a.c -o a.o", 10, 500, parent=make)
    trace.step("cc -c bad.c -o bad.o", 10, 600, exit_code=code, parent=make)
    return text(attributes(name="kettle", command="make all", exit_code=code, begun_by="exec")) + trace.block


LOGS = {
    "b1": a_build(1),
    "b2": a_build(0),
    "s1": text(attributes(name="shop"), PROCESS, span("outer", 0, 100), span("inner", 5, 50), log("by itself", 7)),
    "s2": text(
        attributes(name="till"),
        PROCESS,
        log("by name", 7, service="payments"),
        log("odd", 8, service=7),
        span("x", 0, 1),
    ),
    "long": text(*(span(f"span {number}", number, 0.5) for number in range(300))),
}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Generator[Browser]:
    directory: Path = tmp_path_factory.mktemp("names") / "logs"
    directory.mkdir(mode=0o700)
    for name, content in LOGS.items():
        (directory / f"{name}.jsonl").write_bytes(content)
    with serving(directory) as server:
        yield Browser(server)


def test_each_trace_is_listed_once_on_the_first_page(browser: Browser) -> None:
    page = browser.open("/")
    failed, _, rest = page.text.partition("Other recent builds")

    assert sorted(link for link in page.links if link.startswith("/traces/")) == [
        f"/traces/{name}" for name in sorted(LOGS)
    ]
    assert "exit 1" in failed
    assert "exit 1" not in rest


def test_log_events_are_of_a_service_or_else_of_their_process(browser: Browser) -> None:
    for path in ("/logs", "/overview/logs"):
        words = browser.open(path).text.partition("Message")[2].split()
        assert [after for word, after in pairwise(words) if word == "info"] == ["api", "payments", "api"], path
    assert "/logs?service=api" in browser.open("/logs").links
    assert "by itself" in browser.open("/logs?service=api").text


def test_log_events_and_alerts_name_traces_by_their_titles(browser: Browser) -> None:
    for path in ("/logs", "/overview/logs"):
        page = browser.open(path)
        assert {"shop", "till"} <= {*page.text.split()}, path
        assert {"/traces/s1", "/traces/s2"} <= {*page.links}, path


@pytest.mark.parametrize(
    ("trace", "rows"),
    [
        ("s1", ["outer 0 ns 100 us", "inner 5.00 us 50.0 us"]),
        ("b1", ["make all error 0 ns 900 us", "cc a.o 10.0 us 490 us", "cc bad.o error 10.0 us 590 us"]),
    ],
)
def test_without_a_script_a_trace_has_its_first_spans(browser: Browser, trace: str, rows: list[str]) -> None:
    page = browser.open(f"/traces/{trace}")
    spans = " ".join(page.text.partition("StartsTook")[2].partition("The tree")[0].split())

    assert spans == " ".join([*rows, "These are all spans."])
    assert f"/api/public/traces/{trace}" in page.links


def test_without_a_script_the_spans_of_a_long_trace_end_with_a_link_to_all(browser: Browser) -> None:
    text = browser.open("/traces/long").text

    assert "These are the first 200 of 300 spans." in text
    assert ("span 199" in text, "span 200" in text) == (True, False)


def test_nothing_waits_for_a_script_for_ever(browser: Browser) -> None:
    page = browser.open("/")

    assert "Reading" not in page.text
    assert {"/overview/alerts", "/overview/services", "/overview/logs"} <= {*page.links}
    assert json.dumps([has for has in page.of("section") if "hidden" in has]) == "[]"
