"""The curl examples of xtrace's and Tracer's own documents, with address and token replaced."""

import json
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.docs.web_docs import has_curl
from tests.harness import PATIENCE_S, short_dir
from tests.web.recording import Recording, recording
from tests.web.servers import TOKEN, Server

pytestmark = pytest.mark.skipif(not has_curl(), reason="there is no curl")

HEALTHZ = "curl $BASE_URL/healthz"

LIST = """curl -H "Authorization: Bearer $API_BEARER_TOKEN" \\
"$BASE_URL/api/public/traces?page=1&limit=2\""""

DAILY = """curl -H "Authorization: Bearer $API_BEARER_TOKEN" \\
"$BASE_URL/api/public/metrics/daily?page=1&limit=50\""""

HEALTH = "curl http://localhost:3000/health"

SINGLE = """curl -X POST http://localhost:3000/logs \\
  -H "Content-Type: application/json" \\
  -d '{
    "timestamp": "2024-01-01T12:00:00Z",
    "level": "info",
    "message": "User logged in",
    "service": "api-service",
    "metadata": { "user_id": "123" }
  }'"""

SINGLE_WITH_KEY = """curl -X POST http://localhost:3000/logs \\
  -H "Content-Type: application/json" \\
  -H "Authorization: Bearer your-api-key-here" \\
  -d '{
    "timestamp": "2024-01-01T12:00:00Z",
    "level": "info",
    "message": "User logged in",
    "service": "api-service"
  }'"""

BATCH = """curl -X POST http://localhost:3000/logs \\
  -H "Content-Type: application/json" \\
  -d '{
    "logs": [
      {
        "timestamp": "2024-01-01T12:00:00Z",
        "level": "error",
        "message": "Database connection failed",
        "service": "api-service"
      },
      {
        "timestamp": "2024-01-01T12:00:01Z",
        "level": "info",
        "message": "Request completed",
        "service": "api-service",
        "metadata": { "latency": 150 }
      }
    ]
  }'"""

API_KEYS = "curl http://localhost:3000/api-keys"


@pytest.fixture(scope="module")
def both() -> Generator[Recording]:
    with recording() as running:
        yield running


@pytest.fixture(scope="module")
def unix(both: Recording) -> Generator[Path]:
    """The socket of a server that asks for no token."""
    with short_dir() as home:
        server = Server(home, both.daemon.dir, "--socket", both.daemon.socket, "--unix", home / "w")
        try:
            yield home / "w"
            server.stop()
        finally:
            server.kill()


def run(example: str, address: str) -> tuple[int, Any]:
    """The status of an example, and the JSON of its answer."""
    text = example.replace("$BASE_URL", address).replace("http://localhost:3000", address)
    text = text.replace("$API_BEARER_TOKEN", TOKEN).replace("your-api-key-here", TOKEN)
    text = text.replace("curl ", "curl --silent --write-out '\\n%{http_code}' ", 1)
    done = subprocess.run(["sh", "-c", text], capture_output=True, check=True, timeout=PATIENCE_S)
    body, _, status = done.stdout.decode().rpartition("\n")
    return int(status), json.loads(body) if body else None


def test_with_a_token(both: Recording) -> None:
    address = both.server.url.rstrip("/")
    assert run(HEALTHZ, address) == (200, None)
    assert run(HEALTH, address) == (200, {"status": "ok"})
    assert run(SINGLE_WITH_KEY, address) == (202, {"accepted": 1, "rejected": 0})
    status, traces = run(LIST, address)
    assert (status, traces["meta"]["page"], traces["meta"]["limit"]) == (200, 1, 2)
    assert traces["data"][0]["id"] == "otlp-api-service-2024-01-01-wall"
    status, day = run(DAILY, address)
    assert status == 200
    assert {"date": "2024-01-01", "countTraces": 1}.items() <= day["data"][0].items()
    assert day["meta"] == {"page": 1, "limit": 50, "totalItems": 1, "totalPages": 1}


@pytest.mark.parametrize("example", [SINGLE, BATCH, API_KEYS, LIST.replace("$API", "$NO_API")])
def test_without_a_token_a_port_refuses(both: Recording, example: str) -> None:
    status, answer = run(example, both.server.url.rstrip("/"))
    assert (status, answer["code"]) == (401, "UNAUTHORIZED")


def test_a_unix_socket_needs_no_token(both: Recording, unix: Path) -> None:
    address = f"--unix-socket {unix} http://localhost"
    assert run(HEALTH, address) == (200, {"status": "ok"})
    assert run(SINGLE, address) == (202, {"accepted": 1, "rejected": 0})
    assert run(BATCH, address) == (202, {"accepted": 2, "rejected": 0})
    names = [event["name"] for event in both.events("otlp-api-service-2024-01-01-wall", "i")]
    assert names[-3:] == ["User logged in", "Database connection failed", "Request completed"]


def test_keys_are_none_of_ours(unix: Path) -> None:
    status, answer = run(API_KEYS, f"--unix-socket {unix} http://localhost")
    assert (status, answer["code"]) == (404, "NOT_FOUND")
