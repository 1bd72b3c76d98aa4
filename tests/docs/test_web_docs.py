"""docs/web.md: its examples print what is shown, and it names each route and each error."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.documents import blocks, code, section, tables
from tests.docs.web_docs import WEB_MD, has_curl, web_md
from tests.harness import Daemon
from tests.web.conftest import write_logs
from tests.web.servers import serving
from tracerd.web import api, stream, writing_routes
from tracerd.web.answers import STATUS
from tracerd.web.application import OTHER_PATHS
from tracerd.web_client import WebClient

TEXT = WEB_MD.read_text()


@pytest.mark.skipif(not has_curl(), reason="there is no curl that knows --json")
def test_curl_prints_what_is_shown() -> None:
    assert web_md() == TEXT


def test_each_route_and_each_of_its_parameters_is_named() -> None:
    [table] = tables(section(TEXT, "## Routes"))[:1]
    routes = {f"{route.method} {route.path}" for route in api.ROUTES}
    routes |= {f"POST {route.path}" for route in writing_routes.ROUTES}

    assert {code(row[0]) for row in table} == routes | {f"GET {path}" for path in (stream.PATH, *OTHER_PATHS)}
    for route in api.ROUTES:
        for parameter in route.parameters:
            assert f"`{parameter.name}`" in TEXT or f"`{parameter.name}=" in TEXT, parameter.name
        assert f"$URL{route.path.partition('{')[0]}" in TEXT
    for one in writing_routes.ROUTES:
        assert f"$URL{one.path}" in TEXT


def test_the_python_client_prints_what_is_shown(tmp_path: Path) -> None:
    shown = section(TEXT, "## From Python")
    directory = write_logs(tmp_path / "logs")
    with Daemon(tmp_path) as daemon, serving(directory, "--socket", daemon.socket) as server:
        environ = server.environ | {"TRACERD_WEB_ADDRESS": server.url}
        command = [sys.executable, "-c", *blocks(shown, "python")]
        done = subprocess.run(command, env=environ, capture_output=True, check=False, text=True)

    assert [done.stdout] == blocks(shown, "text"), done.stderr


def test_each_method_of_the_python_client_is_named_with_its_route() -> None:
    [table] = tables(section(TEXT, "## From Python"))
    reading = {f"{route.method} {route.path}" for route in api.ROUTES} | {f"GET {stream.PATH}", "GET /readyz"}
    writing = {f"POST {route.path}" for route in writing_routes.ROUTES} - {"POST /api/public/otel/v1/traces"}

    assert {code(cell) for row in table for cell in row[1].split(", ")} == reading | writing
    named = {code(cell).removesuffix("()") for row in table for cell in row[0].split(", ")}
    assert named == {name for name in vars(WebClient) if not name.startswith("_")}


def test_each_error_is_named() -> None:
    [table] = tables(section(TEXT, "## Errors"))

    assert {code(row[1]): int(row[0]) for row in table} == STATUS
