"""A browser in which each page is watched: what it says on its console, and where it sends requests."""

import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from tests.web.servers import Server

if TYPE_CHECKING:  # playwright comes with the extra `dev` only
    from playwright.sync_api import Browser, Page

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-dev-shm-usage", "--mute-audio",
    "--force-color-profile=srgb", "--enable-precise-memory-info",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE *.localhost",
]  # fmt: skip
"""As those of tests/perfetto/screenshot.mjs: but for this machine nothing is reached."""

TIMEOUT_MS = 60_000
"""How long anything may take on a busy machine."""

Scheme = Literal["light", "dark"]


@contextmanager
def chromium() -> Generator["Browser"]:
    """The system's Chromium."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert path, "Chromium is not installed"
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as home:
        # In its own home, so that no setting of the person who runs the tests counts.
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS, env={"HOME": home})
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """A window that is logged in.

    Attributes:
        page: It.
        base: The address of the server, without a slash at the end.
        complaints: What the pages have reported on the console, and where else they sent requests.
    """

    def __init__(self, page: "Page", server: Server) -> None:
        self.page = page
        self.complaints: list[str] = []
        url = str(server.ask("/api/login", method="POST").json()["url"])
        self.base = f"http://{urlsplit(url).netloc}"
        page.on("console", lambda message: self._note(message.type in ("error", "warning"), message.text))
        page.on("pageerror", lambda error: self._note(True, f"exception: {error}"))
        page.on("dialog", lambda dialog: self._note(True, f"dialog: {dialog.message}"))
        page.on("request", lambda request: self._note(not request.url.startswith(self.base), request.url))
        page.goto(url)
        page.wait_for_url(f"{self.base}/")

    def _note(self, is_wrong: bool, text: str) -> None:
        if is_wrong:
            self.complaints.append(text)

    def open(self, path: str) -> None:
        """Go to a page, and wait until all that it fetches is there."""
        self.page.goto(f"{self.base}{path}")
        self.wait_for_script()

    def wait_for_script(self) -> None:
        """Wait until the parts of the page that are fetched later are there."""
        # Not by `wait_for_function`: the policy of the pages forbids what that evaluates.
        self.page.locator("[data-fragment]:not([aria-busy=false])").first.wait_for(state="detached")
        if self.page.locator("#timeline").count():
            self.page.locator("#shown:not(:empty)").wait_for(state="attached")


@contextmanager
def visiting(
    browser: "Browser", server: Server, width: int = 1400, height: int = 900, scheme: Scheme = "light"
) -> Generator[Visit]:
    """A window of its own, which must have nothing to complain about."""
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce", timezone_id="UTC"
    )
    try:
        page = context.new_page()
        page.set_default_timeout(TIMEOUT_MS)
        visit = Visit(page, server)
        yield visit
        assert visit.complaints == []
    finally:
        context.close()
