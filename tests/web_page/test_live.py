"""Pages follow what is written, and show whatever is in it."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.harness import Client, Daemon, running_daemon, short_dir
from tests.web.conftest import attributes, log, span, text
from tests.web.servers import Server, serving
from tests.web.test_pages import HOSTILE
from tests.web_page.browser import Visit, visiting

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Route

pytestmark = [pytest.mark.tools, pytest.mark.timeout(600)]


@contextmanager
def live(browser: "Browser") -> Generator[tuple[Daemon, Client, Visit]]:
    """A daemon, a client of it, and a window on its traces."""
    with running_daemon() as daemon:
        daemon.dir.mkdir(exist_ok=True)
        with serving(daemon.dir, "--socket", daemon.socket) as server, visiting(browser, server) as visit:
            client = daemon.connect()
            yield daemon, client, visit


def write(client: Client, content: bytes) -> None:
    client.send(content)
    _, refused, lost = client.flush()
    assert (refused, lost) == (0, 0)


def test_what_is_written_appears_without_a_reload(browser: "Browser") -> None:
    with live(browser) as (_, client, visit):
        page = visit.page
        visit.open("/traces")
        page.get_by_text("There are no traces yet").wait_for()
        write(client, b"OPEN build-7\n" + text(attributes(name="kettle"), span("first", 0, 5)))
        row = page.locator("tbody tr", has_text="kettle")
        row.get_by_text("running").wait_for()
        row.get_by_role("link", name="kettle").click()
        page.get_by_role("row", name="first").wait_for()
        write(client, text(span("second", 10, 5, error="broken"), log("it broke", 12, "error")))
        page.get_by_role("row", name="second").wait_for()
        page.get_by_role("row", name="it broke").wait_for()
        page.locator("#about").get_by_text("error").wait_for()

        page.get_by_role("button", name="Live").click()
        page.get_by_role("button", name="Paused").wait_for()
        write(client, text(span("third", 20, 5)))
        page.get_by_role("button", name="Paused").click()
        page.get_by_role("row", name="third").wait_for()
        client.close()


def test_what_is_under_way_when_a_person_pauses_replaces_nothing(browser: "Browser") -> None:
    with live(browser) as (_, client, visit):
        page = visit.page
        visit.open("/traces")
        page.get_by_text("There are no traces yet").wait_for()
        page.get_by_role("button", name="Live").wait_for()
        held: list[Route] = []

        def hold(route: "Route") -> None:
            held.append(route)

        page.route("**/traces", hold)
        with page.expect_request("**/traces"):
            write(client, b"OPEN build-7\n" + text(span("first", 0, 5)))
        page.get_by_role("button", name="Live").click()
        page.get_by_role("button", name="Paused").wait_for()
        with page.expect_response("**/traces") as response:
            held[0].continue_()
        response.value.finished()
        page.evaluate("fetch('/health').then((later) => later.text())")

        assert page.get_by_text("There are no traces yet").is_visible()
        client.close()


def test_whatever_is_in_a_log_is_shown_and_harmless(browser: "Browser") -> None:
    names = [*HOSTILE, "\u05e9\u05dc\u05d5\u05dd", "\U0001f525" * 50]
    with live(browser) as (_, client, visit):
        page = visit.page
        for path in ("/", "/traces", "/traces/hostile"):
            if path == "/traces/hostile":
                write(client, b"OPEN hostile\n" + text(span("calm", 0, 1)))
            visit.open(path)
        for number, name in enumerate(names):
            about = attributes(name=name, tags=[name], **{name[:50]: name})
            fields = {name[:50]: name}
            write(
                client, text(about, span(name, number, 5, error=name, **fields), log(name, number, "error", **fields))
            )
        page.locator(".row[aria-rowindex='2']").wait_for()
        page.get_by_role("row", name="alert(1)").first.wait_for()
        shown = page.locator("main").inner_text()
        assert HOSTILE[0] in shown
        assert "\\u202egnp.exe" in shown
        assert "\\x1b[31mred" in shown
        assert not {"\u202e", "\x1b", "\u200f"} & {*shown}
        for at in range(len(names) * 2):
            page.locator(".row").nth(at).click()
            assert page.locator("#detail").is_visible()
            assert page.evaluate("document.documentElement.scrollWidth") <= 1400
        for path in ("/", "/traces", "/overview/logs"):
            visit.open(path)
            assert page.evaluate("document.documentElement.scrollWidth") <= 1400, path
        tags = page.evaluate("[...new Set([...document.querySelectorAll('*')].map((e) => e.localName))]")
        assert not {"style", "iframe", "object", "base"} & {*tags}
        assert json.dumps(page.evaluate("Object.keys(window).filter((key) => key.includes('alert(1)'))")) == "[]"
        client.close()


def test_what_is_open_stays_open(browser: "Browser") -> None:
    with live(browser) as (_, client, visit):
        page = visit.page
        for number in (1, 2):
            if number == 1:
                write(client, b"OPEN shop\n" + text(log("calm", 0)))
            write(client, text(log(f"refused {number}", number, "error", traceback=f"line\nline {number}")))
        for path in ("/logs", "/"):
            visit.open(path)
            page.locator("tr", has_text="refused 1").get_by_text("traceback").click()
            page.get_by_text("line 1").wait_for()
            write(client, text(log(f"more after {path}", 9)))
            page.get_by_text(f"more after {path}", exact=True).wait_for()
            assert page.get_by_text("line 1").is_visible()
            assert page.get_by_text("line 2").is_hidden()
        client.close()


def test_more_tabs_than_a_browser_has_connections(browser: "Browser") -> None:
    hide = (
        "Object.defineProperty(document, 'hidden', {value: %s, configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    with live(browser) as (_, client, visit):
        write(client, b"OPEN busy\n" + text(span("calm", 0, 1)))
        first = visit.page
        for number in range(8):
            page = visit.page if number == 0 else visit.page.context.new_page()
            page.goto(f"{visit.base}/traces/busy")
            page.get_by_role("row", name="calm").wait_for()
            page.get_by_role("button", name="Live").wait_for()
            page.evaluate(hide % "true")  # a headless window is never hidden
        write(client, text(span("meanwhile", 10, 1)))
        first.evaluate(hide % "false")
        first.get_by_role("row", name="meanwhile").wait_for()
        client.close()


def test_what_is_asked_for_in_a_rest_is_done_after_it(browser: "Browser", site: Server) -> None:
    with visiting(browser, site) as visit:
        done = visit.page.evaluate(
            "import('/static/asking.js').then(({paced}) => new Promise((done) => {"
            "  let count = 0;"
            "  const act = paced(async () => { if (++count === 2) done(count); }, 20, 0);"
            "  act().then(() => done(count));"
            "  setTimeout(act, 0);"
            "}))"
        )
        assert done == 2


def test_a_trace_that_is_removed_is_reported(browser: "Browser") -> None:
    with live(browser) as (daemon, client, visit):
        write(client, b"OPEN short\n" + text(span("calm", 0, 1)))
        client.close()
        visit.open("/traces/short")
        visit.page.get_by_role("button", name="Live").wait_for()
        (daemon.dir / "short.jsonl").unlink()
        visit.page.get_by_role("status").get_by_text("This trace is gone").wait_for()
        visit.page.get_by_role("button", name="Not live").wait_for()
        assert all("404" in complaint for complaint in visit.complaints)
        visit.complaints.clear()


def test_a_server_that_was_started_again_is_reported(browser: "Browser", tmp_path: Path) -> None:
    directory = tmp_path / "logs"
    directory.mkdir(mode=0o700)
    with short_dir() as home:
        server = Server(home, directory)
        try:
            with visiting(browser, server) as visit:
                visit.open("/traces")
                visit.page.get_by_role("button", name="Live").wait_for()
                server.stop()
                visit.page.get_by_role("button", name="Offline").wait_for()
                server = Server(home, directory, "--port", str(server.port))
                visit.page.get_by_role("status").get_by_text("tracerd web --open").wait_for()
                visit.page.get_by_role("button", name="Not live").wait_for()
                assert all("Failed to load resource" in complaint for complaint in visit.complaints)
                visit.complaints.clear()
        finally:
            server.kill()


def test_a_part_that_could_not_be_read_is_reported_and_read_again(browser: "Browser", site: Server) -> None:
    with visiting(browser, site) as visit:
        page = visit.page
        busy = {"message": "the query took too long", "code": "SERVICE_UNAVAILABLE"}
        page.route("**/overview/alerts", lambda route: route.fulfill(status=503, json=busy))
        visit.open("/")
        alerts = page.locator("#alerts")
        alerts.get_by_text("This could not be read: the query took too long").wait_for()
        assert alerts.get_by_role("heading", name="Active alerts").is_visible()
        page.unroute("**/overview/alerts")
        alerts.get_by_text("could not be read").wait_for(state="detached")
        assert all("503" in complaint for complaint in visit.complaints)
        visit.complaints.clear()
