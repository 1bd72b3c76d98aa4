"""Logs that no daemon has written: beside a build stand lines that it would have repaired or refused."""

from pathlib import Path

import pytest

from tests.builds.traces import Trace
from tests.commands import invoke

BAD = {"invalid UTF-8": b'"\xff"', "too deep": b"[" * 5000 + b"]" * 5000}
LINES = {
    "an event": b'{"ph":"i","ts":1,"pid":9,"name":%b}\n',
    "what a process is called": b'{"ph":"M","name":"process_name","pid":9,"args":{"name":%b}}\n',
    "a process": b'{"ph":"X","cat":"process","name":%b,"ts":1,"dur":2,"pid":9,"tid":9,"args":{"exit_code":0}}\n',
    "a begin mark": b'{"ph":"M","name":"tracerd_begin","ts":1,"args":{"id":"0123456789abcdef","name":%b}}\n',
    "what the trace is": b'{"ph":"M","name":"tracerd_trace","pid":1,"args":{"command":%b}}\n',
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_what_cannot_be_decoded_hides_nothing_else(line: bytes, bad: bytes, tmp_path: Path) -> None:
    trace = Trace()
    trace.step("make", 0, 400)
    trace.step("cc a.c", 100, 200)
    log = tmp_path / "t.jsonl"
    log.write_bytes(line % bad + trace.block)
    assert b'"critical path"' in invoke("get-tef", log).stdout
    assert b"cc" in invoke("show", log).stdout
    assert invoke("check", log).returncode in (0, 1)
    assert bytes(log) in invoke("list", "-l", "--dir", tmp_path).stdout
