"""A command whose exec is killed is in the trace as begun; one that ended is there as ever."""

import json
import os
import signal
import subprocess

from tests.exec.sandbox import TRACERD, Event, own_sandbox
from tests.harness import wait_until


def test_what_exec_did_not_see_the_end_of_is_begun() -> None:
    with own_sandbox() as sandbox:
        sandbox.serve()
        log = sandbox.logs / "t.jsonl"
        command = [str(TRACERD), "exec", "--trace", "t", "--", "sh", "-c", "tracerd exec -- true; sleep 600"]
        with subprocess.Popen(command, env=sandbox.environ, cwd=sandbox.home, start_new_session=True) as killed:
            try:
                wait_until(lambda: log.exists() and b'"exit_code":0' in log.read_bytes(), "the command inside to end")
            finally:
                os.killpg(killed.pid, signal.SIGKILL)
        document = json.loads(sandbox.run(TRACERD, "get-tef", log, "--layout", "processes").stdout)

    events: list[Event] = document["traceEvents"]
    assert [event["name"] for event in events if event["ph"] == "X"] == ["true"]
    assert [(event["name"], event["args"]) for event in events if event["ph"] == "b"] == [("sh", {"cat": "process"})]


def test_a_trace_of_commands_that_ended_is_as_without_marks() -> None:
    with own_sandbox() as sandbox:
        assert sandbox.sh("tracerd exec -- true").returncode == 0
        events = sandbox.events()

    phases = [str(event["ph"]) for event in events if event["name"] != "tracerd_trace"]
    assert sorted(phases) == ["M", "M", "X", "X", "f", "s"]
    assert not any("begin" in event for event in events)
