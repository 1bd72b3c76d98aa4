"""The pages in a browser: they draw, keep what was asked for, and lead from a failed build to its failed command."""

from typing import TYPE_CHECKING

import pytest

from tests.builds.traces import Trace
from tests.harness import short_dir
from tests.web.conftest import attributes, span, text
from tests.web.servers import Server, serving
from tests.web_page import logs
from tests.web_page.browser import visiting

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.tools, pytest.mark.timeout(600)]

PATHS = [
    "/",
    "/traces",
    "/traces?tags=ci&errors=true",
    "/traces/build-0413",
    "/traces/api-2026",
    "/traces/build-0413/build",
    "/logs?level=warning",
    "/charts",
    "/charts?name=requests.active",
    "/alerts",
    "/compare",
    "/compare?a=tests-0412&b=tests-0413",
    "/nope",
]

IS_LAID_OUT = """async (element) => {
    for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
    return element.checkVisibility({contentVisibilityAuto: true});
}"""
"""Whether a browser has laid out the contents of an element. It decides so once in a frame, not when asked."""


@pytest.mark.parametrize("width", [1400, 320])
def test_pages_draw_in_any_width(browser: "Browser", site: Server, width: int) -> None:
    with visiting(browser, site, width) as visit:
        for path in PATHS[:-1]:
            visit.open(path)
            assert visit.page.locator("h1, h2").first.is_visible()
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_rows_out_of_sight_are_not_laid_out(browser: "Browser") -> None:
    traces = {f"trace-{number:03}": text(attributes(name=f"job {number}"), span("s", 0, 5)) for number in range(200)}
    with (
        short_dir() as home,
        serving(logs.write(home / "logs", traces)) as server,
        visiting(browser, server) as visit,
    ):
        visit.open("/traces?limit=200&orderBy=name.asc")
        table = visit.page.get_by_role("table", name="Traces")
        rows = table.get_by_role("row")
        assert (rows.count(), table.get_by_role("columnheader").count()) == (201, 7)
        assert rows.first.evaluate(IS_LAID_OUT)
        cell = rows.last.get_by_role("cell").first
        assert not cell.locator("a").evaluate(IS_LAID_OUT)
        cell.locator("a").scroll_into_view_if_needed()
        assert cell.locator("a").evaluate(IS_LAID_OUT)
        left = "(cell) => cell.getBoundingClientRect().left"
        heads = table.get_by_role("columnheader")
        for at in range(7):
            assert rows.last.get_by_role("cell").nth(at).evaluate(left) == heads.nth(at).evaluate(left)


def test_back_and_reload_keep_the_filters(browser: "Browser", site: Server) -> None:
    with visiting(browser, site) as visit:
        page = visit.page
        visit.open("/traces")
        page.get_by_label("Tag").fill("ci")
        page.get_by_label("Only with errors").check()
        page.get_by_role("button", name="Filter").click()
        page.wait_for_url("**/traces?**tags=ci**")
        assert page.locator("tbody tr").count() == 1
        page.get_by_role("link", name="kettle").click()
        page.wait_for_url("**/traces/build-0413")
        page.go_back()
        page.wait_for_url("**/traces?**tags=ci**")
        page.reload()
        assert page.get_by_label("Tag").input_value() == "ci"
        assert page.get_by_label("Only with errors").is_checked()
        assert page.locator("tbody tr").count() == 1


def test_a_reload_keeps_what_is_sought_and_chosen_in_a_trace(browser: "Browser", site: Server) -> None:
    with visiting(browser, site) as visit:
        page = visit.page
        visit.open("/traces/api-2026")
        page.get_by_label("Find").fill("select")
        page.get_by_role("row").nth(1).click()
        chosen = page.locator("#detail h3").inner_text()
        page.reload()
        visit.wait_for_script()
        assert page.get_by_label("Find").input_value() == "select"
        assert page.locator("#detail h3").inner_text() == chosen
        assert "24 fit" in page.locator("#shown").inner_text()


def test_two_clicks_from_a_failed_build_to_the_failed_command(browser: "Browser", site: Server) -> None:
    with visiting(browser, site) as visit:
        page = visit.page
        visit.open("/")
        page.locator("#failed").get_by_role("link", name="kettle").click()
        page.get_by_role("link", name="ld -o kettle main5.o libkettle.a -lssl3").click()
        detail = page.locator("#detail")
        detail.wait_for()
        text = detail.inner_text()
        assert "ld -o kettle main5.o libkettle.a -lssl3" in text
        assert "exit_code\n1" in text
        assert "/home/ada/kettle" in text
        marked = page.locator(".row.marked")
        assert marked.is_visible()
        assert marked.get_attribute("aria-level") == "2", "below the make that started it"


def test_processes_are_called_by_what_they_made(browser: "Browser", site: Server) -> None:
    with visiting(browser, site) as visit:
        page = visit.page
        visit.open("/traces/build-0413")
        row = page.locator(".row:not(.around)")
        for name in ("cc lexer0.o", "ld kettle"):
            page.get_by_label("Find").fill(name)
            row.get_by_text(name, exact=True).wait_for()
            assert row.count() == 1
        row.click()
        page.locator("#detail h3", has_text="ld kettle").wait_for()


def test_log_events_lie_in_the_spans_in_which_they_were_written(browser: "Browser", site: Server) -> None:
    with visiting(browser, site) as visit:
        page = visit.page
        visit.open("/traces/api-2026")
        page.get_by_role("button", name="Next of").click()
        detail = page.locator("#detail").inner_text()
        assert "connection reset by peer" in detail
        assert "was not stored" in detail
        levels = page.locator(".row").evaluate_all("(rows) => rows.map((row) => [row.ariaLevel, row.innerText])")
        inner = [text for level, text in levels if level == "3"]
        assert [text for text in inner if "slow query" in text], "in the query of a request"


def test_ten_thousand_spans_scroll(browser: "Browser") -> None:
    with short_dir() as home:
        directory = logs.write(home / "logs", {"many": logs.many_spans(10_000)})
        with serving(directory) as server, visiting(browser, server) as visit:
            page = visit.page
            visit.open("/traces/many")
            assert page.get_by_role("treegrid").get_attribute("aria-rowcount") == "10000"
            page.locator("#rows").evaluate("(rows) => { rows.scrollTop = rows.scrollHeight; }")
            page.get_by_role("row", name="inner 9999").wait_for()
            assert page.locator(".row").count() < 200, "only those in sight are in the page"
            page.get_by_label("Find").fill("inner 5555")
            page.get_by_role("row", name="inner 5555").wait_for()
            assert page.locator(".row").count() == 2, "it, and the span around it"


def test_a_bar_of_the_lanes_leads_to_its_span(browser: "Browser", site: Server) -> None:
    with visiting(browser, site) as visit:
        visit.open("/traces/build-0413")
        visit.page.locator("rect[data-span].failed").click()
        assert "-lssl3" in visit.page.locator("#detail").inner_text()
        visit.page.get_by_role("button", name="Zoom to the span").click()
        visit.page.get_by_role("button", name="Show all of the time").click()


def test_back_undoes_a_choice_and_escape_closes_it(browser: "Browser", site: Server) -> None:
    with visiting(browser, site) as visit:
        page, title = visit.page, visit.page.locator("#detail h3")
        visit.open("/traces/tests-0412")
        page.get_by_role("row", name="test_a").click()
        page.get_by_role("row", name="test_b").click()
        title.get_by_text("test_b").wait_for()
        page.go_back()
        title.get_by_text("test_a").wait_for()
        page.go_back()
        page.locator("#detail").wait_for(state="hidden")
        page.go_forward()
        title.get_by_text("test_a").wait_for()
        page.keyboard.press("Escape")
        page.locator("#detail").wait_for(state="hidden")
        assert page.url.endswith("/traces/tests-0412")


MANY = 10_003


def test_the_failed_command_behind_ten_thousand_others_is_shown(browser: "Browser") -> None:
    trace = Trace()
    make = trace.step("make all", 0, MANY * 10, exit_code=2)
    for number in range(MANY):
        trace.step(f"cc -c f{number}.c", number * 10, number * 10 + 8, parent=make)
    trace.step("cc -c last.c", MANY * 10, MANY * 10 + 8, exit_code=1, parent=make)
    about = attributes(name="many", command="make all", exit_code=2, begun_by="exec")
    with short_dir() as home:
        directory = logs.write(home / "logs", {"many": text(about) + trace.block})
        with serving(directory) as server, visiting(browser, server) as visit:
            visit.open("/traces/many")
            visit.page.get_by_role("link", name="cc -c last.c").first.click()
            visit.page.locator("#detail").get_by_text("cc -c last.c").first.wait_for()
            assert visit.page.get_by_role("treegrid").get_attribute("aria-rowcount") == str(MANY + 2)


def test_a_command_without_recorded_processes_has_no_errors(browser: "Browser") -> None:
    with short_dir() as home:
        about = attributes(command="make", exit_code=0, begun_by="exec")
        directory = logs.write(home / "logs", {"bare": text(about, span("step", 0, 5))})
        with serving(directory) as server, visiting(browser, server) as visit:  # which watches the console
            visit.open("/traces/bare")
            visit.page.locator("#build").get_by_text("No process of it has been recorded").wait_for()
            visit.page.get_by_role("row", name="step").wait_for()
