"""docs/telemetry.md shows what is so."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.docs.documents import blocks, code, section, tables
from tests.harness import ROOT
from tracerd import telemetry

DOCUMENT = (ROOT / "docs/telemetry.md").read_text()


def test_the_example_writes_the_line_that_is_shown(tmp_path: Path) -> None:
    [example] = blocks(DOCUMENT, "python")
    [shown] = blocks(DOCUMENT, "json")
    environ = os.environ | {"MYTOOL_TELEMETRY": "1", "XDG_CONFIG_HOME": str(tmp_path), "DO_NOT_TRACK": ""}
    subprocess.run([sys.executable, "-c", example], cwd=tmp_path, env=environ, check=True)

    line = (tmp_path / "events.jsonl").read_text()
    event = json.loads(line)
    same = {"machine_id": "<64 hex>", "timestamp_utc": "2026-04-22T12:00:00Z"}
    assert json.dumps(event | same, separators=(",", ":")) + "\n" == shown


def test_every_sink_is_in_the_table() -> None:
    [sinks] = tables(section(DOCUMENT, "## Usage events").partition("### ")[0])
    named = {code(row[0]).partition("(")[0] for row in sinks[:-1]}

    assert named == {name for name in telemetry.__all__ if name.endswith("Sink")} - {"TelemetrySink"}


def test_the_consent_file_is_as_shown(tmp_path: Path) -> None:
    [shown] = blocks(DOCUMENT, "toml")
    path = tmp_path / "consent.toml"
    telemetry.consent.write(path, telemetry.Consent(telemetry.ConsentState.ENABLED, "2026-05-08T12:34:56Z"))

    assert path.read_text() == shown
