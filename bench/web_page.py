"""`python -m bench.web_page`: what a person waits for: pages of many traces, and of many spans.

Times are the best of several: of the request, as the server needs it, and from the click to what is shown.
"""

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from bench.daemons import process_cpu_s
from bench.web import SPANS, TRACES, write_logs
from tests.harness import short_dir
from tests.web.browsing import Browser as Requests
from tests.web.servers import Server, serving
from tests.web_page.browser import Visit, chromium, visiting

if TYPE_CHECKING:
    from playwright.sync_api import Page

LIST = f"/traces?limit={TRACES}"
TRACE = "/traces/long"
MANY = 2_000
"""So many traces the pages that read all of them are measured with."""

SHOWN = """() => new Promise((done) => {
    const look = () => {
        const [paint] = performance.getEntriesByName('first-contentful-paint'), shown = performance.now();
        const [page] = performance.getEntriesByType('navigation');
        if (!paint || !page.domContentLoadedEventEnd) return setTimeout(look, 5);
        done({answer: page.responseEnd, drawn: paint.startTime, loaded: page.domContentLoadedEventEnd, shown});
    };
    requestAnimationFrame(() => setTimeout(look, 0));
})"""
"""When the answer was there, something was painted, the scripts had run, and all was painted, in ms from the click."""


def request_times(server: Server, path: str, turns: int) -> str:
    """The best time of a page without a browser, and the CPU time that the server takes for one."""
    requests = Requests(server)
    requests.reply(path)
    times: list[float] = []
    size = 0
    before = process_cpu_s(server.process.pid)
    for _ in range(turns):
        begun = time.perf_counter()
        size = len(requests.reply(path).body)
        times.append(time.perf_counter() - begun)
    spent = (process_cpu_s(server.process.pid) - before) / turns
    return f"{min(times) * 1000:.0f} ms, {spent * 1000:.0f} ms of CPU time, {size / 1000:.0f} kB"


def shown_times(visit: Visit, path: str, row: str, turns: int) -> str:
    """The best times until the last row is shown, and the processor time that the page's thread takes for it."""
    page: Page = visit.page
    devtools: Any = page.context.new_cdp_session(page)
    devtools.send("Performance.enable", {"timeDomain": "threadTicks"})

    def thread_ms() -> float:
        metrics = devtools.send("Performance.getMetrics")["metrics"]
        return next(float(one["value"]) for one in metrics if one["name"] == "TaskDuration") * 1000

    found: list[dict[str, Any]] = []
    for _ in range(turns):
        page.goto("about:blank")
        before = thread_ms()
        page.goto(f"{visit.base}{path}", wait_until="commit")
        page.locator(row).last.wait_for(state="attached")
        found.append(page.evaluate(SHOWN))
        found[-1]["processor"] = thread_ms() - before
    best = {name: min(one[name] for one in found) for name in found[0]}
    return ", ".join(f"{name} {ms:.0f} ms" for name, ms in best.items())


def cost(server: Server, path: str) -> str:
    """What the first answer costs, and the second one."""
    requests = Requests(server)
    spent: list[float] = []
    for _ in range(2):
        before = process_cpu_s(server.process.pid)
        assert requests.reply(path).status == 200
        spent.append(process_cpu_s(server.process.pid) - before)
    return " s of CPU time, then ".join(f"{one:.2f}" for one in spent) + " s"


@click.command()
@click.option("--turns", default=5, show_default=True, help="How often; the best counts.")
@click.option("--browser/--no-browser", default=True, help="Also in Chromium.")
def main(turns: int, browser: bool) -> None:
    """Measure the pages."""
    with short_dir() as home:
        write_logs(home / "logs")
        with serving(home / "logs") as server:
            print(f"a page of {TRACES} traces at the server: {request_times(server, LIST, turns)}")
            print(f"a trace of {SPANS:,} spans at the server: {request_times(server, TRACE, turns)}")
            if browser:
                with chromium() as running, visiting(running, server) as visit:
                    print(f"a page of {TRACES} traces: {shown_times(visit, LIST, 'tbody tr', turns)}")
                    print(f"a trace of {SPANS:,} spans: {shown_times(visit, TRACE, '.row', turns)}")
    with short_dir() as home:
        write_logs(home / "logs", MANY)
        with serving(home / "logs") as server:
            server.ask("/api/public/traces")  # the catalogue is made
            for path in (
                "/api/services?from=1970-01-01T00:00:00Z",
                "/alerts?from=1970-01-01T00:00:00Z",
                "/charts?from=1970-01-01T00:00:00Z",
                "/overview/alerts",
                "/",
            ):
                print(f"{urlsplit(path).path} of {MANY:,} traces: {cost(server, path)}")


if __name__ == "__main__":
    main()
