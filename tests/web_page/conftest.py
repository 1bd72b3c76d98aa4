"""A browser and a server for the tests of the pages."""

import time
from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest

from tests.harness import short_dir
from tests.web.servers import Server, serving
from tests.web_page import logs
from tests.web_page.browser import chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="package")
def browser() -> Generator["Browser"]:
    """One browser for all tests; each opens a window of its own."""
    with chromium() as running:
        yield running


@pytest.fixture(scope="package")
def site() -> Generator[Server]:
    """A server over a build, a service and tests."""
    with short_dir() as home, serving(logs.write(home / "logs", logs.usual(time.time_ns() // 1000))) as running:
        yield running
