"""`tracerd get-tef --redact`: a trace to give away."""

import json
from pathlib import Path

from tests.commands import invoke

LINES = [
    b'{"ph":"X","name":"git clone https://ada:hunter2@h","ts":1.125,"dur":2,"pid":1,"tid":1,"args":{"token":"hunter2"}}',
    b'{"ph":"X","name":"run","ts":9007199254740993,"dur":2,"pid":1,"tid":1,"args":{"argv":["x","--pass","hunter2"]}}',
    b'{"ph":"C","name":"n","ts":3,"pid":1,"args":{"tokens":5,"secrets":7}}',
    b'{"ph":"M","name":"process_name","pid":1,"args":{"name":"monkey"}}',
    b'{"ph":"X","name":"no time","password":"hunter2"}',
    b'{"torn": "password=hunter2',
]


def test_secrets_are_not_in_the_file_and_all_else_is(tmp_path: Path) -> None:
    (tmp_path / "run.jsonl").write_bytes(b"".join(line + b"\n" for line in LINES))
    plain = invoke("get-tef", "run", "-d", tmp_path)
    redacted = invoke("get-tef", "run", "-d", tmp_path, "--redact")

    assert (redacted.returncode, redacted.stderr) == (plain.returncode, plain.stderr)
    assert b"hunter2" in plain.stdout
    assert b"hunter2" not in redacted.stdout
    events = json.loads(redacted.stdout)["traceEvents"]
    assert events[0]["name"] == "git clone https://***@h"
    assert events[1]["args"] == {"argv": ["x", "--pass", "***"]}
    assert b'"ts":9007199254740993' in redacted.stdout
    assert json.loads(redacted.stdout)["metadata"] == json.loads(plain.stdout)["metadata"]
    assert events[2:] == json.loads(plain.stdout)["traceEvents"][2:]


def test_the_log_stays_as_it_is(tmp_path: Path) -> None:
    log = tmp_path / "run.jsonl"
    log.write_bytes(LINES[0] + b"\n")
    invoke("get-tef", "run", "-d", tmp_path, "--redact", "-o", tmp_path.parent / f"{tmp_path.name}.json.gz")

    assert log.read_bytes() == LINES[0] + b"\n"
