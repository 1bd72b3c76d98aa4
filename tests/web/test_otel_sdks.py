"""The real SDKs of OpenTelemetry: nothing of what they send is lost, and in Perfetto spans lie as they did."""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.commands import invoke
from tests.exporters.otlp_messages import items
from tests.exporters.test_otlp_round_trip import exported
from tests.harness import PATIENCE_S
from tests.perfetto.judge import Judge
from tests.web.otel.relay import Relay, relaying
from tests.web.recording import Recording, recording
from tests.web.servers import TOKEN

pytestmark = pytest.mark.tools

HERE: Final = Path(__file__).parent / "otel"
PACKAGES: Final = os.environ.get("NODE_PATH", "")


def python_sdk(kind: str) -> list[str]:
    if importlib.util.find_spec("opentelemetry.sdk") is None:
        pytest.skip("the SDK of OpenTelemetry for Python is not installed")
    return [sys.executable, str(HERE / "sdk.py"), kind]


def js_sdk(kind: str) -> list[str]:
    if shutil.which("node") is None or not Path(PACKAGES, "@opentelemetry/sdk-logs").exists():
        pytest.skip("node, or the SDK of OpenTelemetry for JavaScript in $NODE_PATH, is not installed")
    return ["node", str(HERE / "sdk.mjs"), kind]


SDKS: Final = {
    "python-proto": (python_sdk, "proto", "application/x-protobuf"),
    "python-json": (python_sdk, "json", "application/json"),
    "js-proto": (js_sdk, "proto", "application/x-protobuf"),
    "js-http": (js_sdk, "http", "application/json"),
}


class Sent:
    """What an SDK has sent, and where it went."""

    def __init__(self, both: Recording, relay: Relay, name: str) -> None:
        make, kind, self.media_type = SDKS[name]
        command = [*make(kind), relay.url, TOKEN]
        done = subprocess.run(command, capture_output=True, check=False, timeout=2 * PATIENCE_S)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
        self.passed = relay.passed
        self.items = relay.items()
        [self.log] = both.traces()
        self.path = both.daemon.dir / f"{self.log}.jsonl"


@pytest.fixture(params=SDKS)
def sent(request: pytest.FixtureRequest) -> Generator[Sent]:
    with recording() as both, relaying(both.server) as relay:
        yield Sent(both, relay, request.param)


def test_no_field_is_lost(sent: Sent, tmp_path: Path) -> None:
    assert [(one.signal, one.status) for one in sent.passed] == [("traces", 200), ("logs", 200), ("metrics", 200)]
    assert {one.media_type for one in sent.passed} == {sent.media_type}
    (tmp_path / "t.jsonl").write_bytes(sent.path.read_bytes())
    went = Counter(item for signal, message in exported(tmp_path) for item in items(signal, message))

    assert len(sent.items) == 6 + 7 + 5
    assert went == sent.items


def test_spans_lie_as_they_did(sent: Sent, perfetto: Judge, tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    assert invoke("get-tef", sent.path, "-o", path).returncode == 0
    sql = "select s.name, p.name from slice s left join slice p on p.id = s.parent_id where s.dur > 0"
    [rows], problems = perfetto.examine(path, sql)
    spans: Any = sent.passed[0].message
    found = [span for resource in spans.resource_spans for scope in resource.scope_spans for span in scope.spans]
    names = {span.span_id: span.name for span in found}
    expected = {(span.name, names.get(span.parent_span_id)) for span in found}

    assert problems == {}
    assert {tuple(row) for row in rows} - {("two", None)} == expected - {("two", "outer")}
    assert sorted(str(row[0]) for row in rows) == sorted(names.values())
