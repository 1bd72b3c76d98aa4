"""The pictures of docs/web.md: `python -m tests.web_page.pictures` takes each in a wide and in a narrow window.

With names, only those: `python -m tests.web_page.pictures trace`.
"""

import sys
import time
from io import BytesIO
from typing import TYPE_CHECKING, Final

from PIL import Image

from tests.harness import ROOT, Daemon, short_dir
from tests.web.conftest import log, span, text
from tests.web.servers import serving
from tests.web_page import logs, shop
from tests.web_page.browser import Visit, chromium, visiting

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FOLDER: Final = ROOT / "docs/web"

WIDTHS: Final = {1400: 780, 400: 800}
"""The widths of the windows, and their heights."""

VIEWS: Final = {
    "overview": "/",
    "traces": "/traces?tags=ci",
    "build": "/traces/build-0413",
    "trace": "/traces/api-2026?span=21",
    "logs": "/logs?level=warning&limit=10",
    "metrics": "/charts?name=queue+depth",
    "alerts": "/alerts",
    "compare": "/compare?a=kettle-41&b=kettle-42",
}
"""What is pictured, by the name of the file."""

COLOURS: Final = 256
"""So many a picture has."""

BELOW: Final = {"trace": "#timeline"}
"""What stands at the top of the narrow window, where it is not the page's."""


def picture(visit: Visit, name: str, width: int) -> None:
    """Take one picture."""
    visit.open(VIEWS[name])
    visit.page.get_by_role("button", name="Live").wait_for()
    if width < 1000 and name in BELOW:
        visit.page.locator(BELOW[name]).evaluate("(part) => part.scrollIntoView()")
    else:
        visit.page.evaluate("scrollTo(0, 0)")
    few_colours(visit.page.screenshot()).save(FOLDER / f"{name}-{width}.png", optimize=True)


def few_colours(png: bytes) -> Image.Image:
    """A picture of a third of the bytes: most colours of a page are steps at the edges of letters."""
    return (
        Image.open(BytesIO(png)).convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    )


DEPLOY: Final[dict[str, object]] = {"ph": "M", "name": "process_name", "pid": 1, "args": {"name": "deploy"}}

OF_SHOP: Final = ("logs", "metrics", "alerts", "compare")
"""What is pictured with other logs."""


def main(names: list[str]) -> None:
    """Take the pictures of these views, or of all."""
    FOLDER.mkdir(exist_ok=True)
    names = names or list(VIEWS)
    now_us = time.time_ns() // 1000
    with chromium() as browser:
        for content, some in (
            (usual(now_us), [name for name in names if name not in OF_SHOP]),
            (shop.pictured(now_us), [name for name in names if name in OF_SHOP]),
        ):
            if some:
                take(browser, content, some)


def usual(now_us: int) -> dict[str, bytes]:
    """What the tests show, and a build that went well."""
    begun_us = now_us - 40 * logs.MINUTE_US
    return {"build-0412": shop.a_build(begun_us, 2_100_000), **logs.usual(now_us)}


def take(browser: "Browser", content: dict[str, bytes], names: list[str]) -> None:
    """Take the pictures of some views over some logs."""
    with short_dir() as home, Daemon(home) as daemon:
        logs.write(daemon.dir, content)
        # One that is being written.
        with daemon.connect() as client, serving(daemon.dir, "--socket", daemon.socket) as server:
            now_us = time.monotonic_ns() // 1000
            client.send(
                b"OPEN deploy-17\n" + text(DEPLOY, span("upload", now_us, 900_000), log("uploading 14 files", now_us))
            )
            client.flush()
            for width, height in WIDTHS.items():
                with visiting(browser, server, width, height) as visit:
                    for name in names:
                        picture(visit, name, width)


if __name__ == "__main__":
    main(sys.argv[1:])
