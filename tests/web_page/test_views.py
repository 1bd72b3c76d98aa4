"""Logs, metrics, alerts and comparison in a browser: drawn, used by mouse and keys, live, and harmless."""

import time
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from tests.harness import Daemon, short_dir
from tests.web.conftest import clock, log, point, span, text
from tests.web.servers import Server, serving
from tests.web.views import ALL, HOSTILE, write
from tests.web_page import logs
from tests.web_page.browser import Scheme, Visit, visiting

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.tools

QUEUE = f"/charts?name=queue&from={ALL}"

COLOURS = """(canvas) => {
    const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    const found = new Set();
    for (let at = 0; at < pixels.length; at += 4) if (pixels[at + 3] > 250) found.add(pixels.slice(at, at + 3).join());
    return found.size;
}"""


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> Generator[Server]:
    with serving(write(tmp_path_factory.mktemp("views") / "logs")) as running:
        yield running


def draw(visit: Visit, path: str) -> int:
    """Go to a chart; how many colours it has."""
    visit.open(path)
    # The canvas is there before its first picture.
    drawn = visit.page.wait_for_function(f"() => [...document.querySelectorAll('#chart canvas')].map({COLOURS})[0]")
    return int(drawn.json_value())


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 320])
def test_a_metric_is_drawn(browser: "Browser", views: Server, width: int, scheme: Scheme) -> None:
    with visiting(browser, views, width, scheme=scheme) as visit:
        assert draw(visit, QUEUE) > 2, "two lines, axes and a grid"
        box = visit.page.locator("#chart canvas").bounding_box()
        assert box is not None
        assert box["width"] > width * 0.6
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_table_below_a_chart_shows_the_values_at_the_cursor(browser: "Browser", views: Server) -> None:
    with visiting(browser, views) as visit:
        draw(visit, f"{QUEUE}&step=1m")
        page, values = visit.page, visit.page.locator("[data-value]")
        assert values.all_inner_texts() == ["39", "5"]
        page.locator("#chart").focus()
        for key, first in (("Home", "10"), ("ArrowRight", "11"), ("End", "39"), ("ArrowLeft", "38"), ("Escape", "39")):
            page.keyboard.press(key)
            page.locator("[data-value]", has_text=first).first.wait_for()
        assert page.locator("#at").inner_text() == "Latest"


def test_what_is_dragged_over_becomes_the_time_of_the_page(browser: "Browser", views: Server) -> None:
    with visiting(browser, views) as visit:
        draw(visit, f"{QUEUE}&step=1m")
        page = visit.page
        over = page.locator("#chart .u-over")
        over.hover()  # when it is drawn, and stays where it is
        box = over.bounding_box()
        assert box is not None
        middle = box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + box["width"] * 0.25, middle)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.5, middle, steps=4)
        page.mouse.up()
        page.wait_for_url("**to=2024**")
        page.locator("#chart canvas").wait_for()
        least = page.locator("tr", has_text="host=a").locator("td").nth(2).inner_text()
        assert 15 <= float(least) <= 19
        page.go_back()
        page.wait_for_url(f"**from={ALL}&step=1m")
        assert page.locator("tr", has_text="host=a").locator("td").nth(2).inner_text() == "10"


def test_a_click_leads_from_too_many_labels_to_one_line(browser: "Browser", views: Server) -> None:
    with visiting(browser, views) as visit:
        draw(visit, f"/charts?name=request_ms&from={ALL}")
        page = visit.page
        assert page.locator(".lines tbody tr").count() == 50
        page.get_by_role("link", name="by route").click()
        page.wait_for_url("**by=route")
        assert page.locator(".lines tbody tr").count() == 1
        assert page.get_by_label("route").is_checked()


@pytest.mark.parametrize(
    ("path", "field", "value", "button", "there"),
    [
        ("/logs", "Text", "refused", "Search", "tbody tr:has-text('payment refused')"),
        (QUEUE, "Label", "host=a", "Show", "tr:has-text('host=a')"),
        (f"/alerts?from={ALL}", "Trace", "shop", "Show", "tr:has-text('error_spike')"),
        ("/compare?a=before", "B, after", "after", "Compare", "tr:has-text('compile')"),
    ],
)
def test_back_and_reload_keep_the_filters(
    browser: "Browser", views: Server, path: str, field: str, value: str, button: str, there: str
) -> None:
    with visiting(browser, views) as visit:
        page = visit.page
        visit.open(path)
        page.get_by_label(field).fill(value)
        page.get_by_role("button", name=button, exact=True).click()
        page.wait_for_url(lambda url: urlencode({"": value}).lstrip("=") in url)
        address = page.url
        page.get_by_role("link", name="Traces").click()
        page.wait_for_url("**/traces")
        page.go_back()
        page.wait_for_url(address)
        page.reload()
        assert page.get_by_label(field).first.input_value() == value
        page.locator(there).first.wait_for()


def test_names_from_logs_are_harmless(browser: "Browser", views: Server) -> None:
    with visiting(browser, views, 400) as visit:
        for path in ["/logs?trace=hostile", "/charts?trace=hostile", "/compare?a=hostile&b=before"]:
            visit.open(path)
            assert visit.page.locator("main img, main script, main iframe").count() == 0
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= 400, path
        for name in HOSTILE:
            draw(visit, f"/charts?{urlencode({'trace': 'hostile', 'name': name})}")
            assert visit.page.locator("main img, main script, main iframe").count() == 0


def test_spans_at_odd_times_take_no_room_from_the_others(browser: "Browser", tmp_path: Path) -> None:
    start_us, one = 1_790_000_000_000_000, span("one", 7_000_000, 90_000)
    odd: list[dict[str, object]] = [
        one | {"name": "since 1970", "ts": start_us + 7_100_000, "dur": 900_000, "tid": 2},
        one | {"name": "no time", "ts": None, "tid": 3},
        one | {"name": "before", "ts": -5, "tid": 4},
        one | {"name": "far", "ts": 1e300, "dur": 1e300, "tid": 5},
    ]
    directory = tmp_path / "logs"
    directory.mkdir(mode=0o700)
    (directory / "t.jsonl").write_bytes(text(clock(start_us), one, log("odd", 0) | {"ts": None}, *odd))
    with serving(directory) as server, visiting(browser, server) as visit:
        visit.open("/traces/t")
        page = visit.page
        assert page.locator("#scale span").all_inner_texts() == ["0", "1.00 s"]
        for name, took, is_drawn in [
            ("one", "90.0 ms", True),
            ("since 1970", "900 ms", True),
            ("no time", "90.0 ms", False),
            ("before", "90.0 ms", False),
            ("far", "1.00e+294 s", False),
            ("odd", "at \N{EN DASH}", False),
        ]:
            row = page.get_by_role("row").filter(has=page.get_by_text(name, exact=True))
            assert row.locator(".mono").inner_text() == took
            assert row.locator(".bar").is_visible() is is_drawn
        page.get_by_role("row", name="no time").click()
        assert "at no time of the trace" in page.locator("#detail").inner_text()


def test_many_spans_are_asked_for_at_once(browser: "Browser") -> None:
    """Each answer reads the whole trace."""
    with short_dir() as home:
        directory = logs.write(home / "logs", {"many": logs.many_spans(10_001)})
        with serving(directory) as server, visiting(browser, server) as visit:
            asked: list[str] = []
            visit.page.on("request", lambda request: asked.append(request.url))
            visit.open("/traces/many")
            assert visit.page.get_by_role("treegrid").get_attribute("aria-rowcount") == "10001"
            assert len([url for url in asked if "/api/public/traces/many" in url]) == 1


def test_a_chart_and_logs_are_live(browser: "Browser") -> None:
    now_us = time.time_ns() // 1000
    with short_dir() as home, Daemon(home) as daemon, daemon.connect() as client:
        first = text(point("load", 0, 1, "host=a"), log("begun", 1))
        client.send(b"OPEN busy\n" + text(clock(now_us)) + first)
        client.flush()
        with serving(daemon.dir, "--socket", daemon.socket) as server, visiting(browser, server) as visit:
            page = visit.page
            draw(visit, "/charts?name=load")
            client.send(text(point("load", 2, 77, "host=b")))
            client.flush()
            page.locator("[data-value]", has_text="77").wait_for()
            page.locator("#chart canvas").wait_for()
            assert page.locator("#chart canvas").count() == 1
            visit.open("/logs")
            client.send(text(log("it goes on", 9, "warning")))
            client.flush()
            page.get_by_text("it goes on").wait_for()


def test_without_scripts_the_figures_are_there(browser: "Browser", views: Server) -> None:
    context = browser.new_context(java_script_enabled=False)
    try:
        page = context.new_page()
        login = views.ask("/api/login", method="POST").json()["url"]
        page.goto(login)
        page.goto(f"{login.partition('/?')[0]}{QUEUE}&by=zone")
        assert page.locator("[data-value]").all_inner_texts() == ["39", "5"]
        page.locator("[name=agg]").select_option("sum")
        page.get_by_role("button", name="Show").click()
        page.wait_for_url("**agg=sum**")
        assert page.get_by_label("zone").is_checked()
    finally:
        context.close()
