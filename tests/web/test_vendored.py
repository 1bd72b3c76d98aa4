"""uPlot, which draws metrics, is here as it comes from npm: no line of it is ours."""

import hashlib
import subprocess
import tarfile
from importlib.resources import files
from pathlib import Path

import pytest

from tests.web.browsing import Browser
from tests.web.servers import Server

PACKAGE = "uplot@1.6.32"

FILES = {
    "uPlot.iife.min.js": ("dist/uPlot.iife.min.js", "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f"),
    "uPlot.min.css": ("dist/uPlot.min.css", "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04"),
    "uPlot.LICENSE.txt": ("LICENSE", "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd"),
}
"""The name of each here, in the package, and its SHA-256."""


def sha256(name: str) -> str:
    return hashlib.sha256(files("tracerd.web").joinpath("static", name).read_bytes()).hexdigest()


def test_no_byte_was_changed() -> None:
    assert {name: sha256(name) for name in FILES} == {name: digest for name, (_, digest) in FILES.items()}


@pytest.mark.tools
def test_npm_gives_the_same_bytes(tmp_path: Path) -> None:
    subprocess.run(["npm", "pack", PACKAGE, "--silent"], cwd=tmp_path, check=True, capture_output=True, timeout=100)
    [packed] = tmp_path.glob("*.tgz")
    with tarfile.open(packed) as archive:
        for path, digest in FILES.values():
            found = archive.extractfile(f"package/{path}")
            assert found is not None
            assert hashlib.sha256(found.read()).hexdigest() == digest, path


def test_only_a_chart_loads_it(server: Server) -> None:
    browser = Browser(server)
    loading = {path for path in ("/", "/logs", "/charts", "/charts?name=cpu", "/alerts") if _loads(browser, path)}

    assert loading == {"/charts?name=cpu"}


def _loads(browser: Browser, path: str) -> bool:
    return any("uPlot" in str(has["src"]) for has in browser.open(path).of("script"))
