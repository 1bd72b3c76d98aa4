"""The variables by which `tracerd exec` finds a trace, and gives it to the command."""

import re

import pytest

from tests.exec.sandbox import TRACERD, Sandbox
from tests.exec.test_exec import W3C


def test_variables_lead_to_the_trace(sandbox: Sandbox) -> None:
    names = "$TRACERD_TRACE_ID $TRACERD_SOCKET $TRACERD_PARENT $TRACE_TEF_TLDR_TRACE_ID $TRACE_TEF_TLDR_SOCKET"
    done = sandbox.sh(f"echo {names} $TRACEPARENT $$")
    trace_id, socket, parent, tldr_id, tldr_socket, w3c, pid = done.stdout.decode().split()

    assert (socket, tldr_id, tldr_socket) == (str(sandbox.socket), trace_id, str(sandbox.socket))
    assert parent == sandbox.args("sh")["span"]
    assert int(parent[:8], 16) == int(pid)
    assert w3c == f"00-{trace_id[-32:]}-{parent}-01"
    assert (sandbox.logs / f"{trace_id}.jsonl").exists()


def test_traceparent_of_a_trace_without_w3c_digits_is_the_same_each_time(sandbox: Sandbox) -> None:
    ids = {sandbox.exec("--trace", "my-build", "sh", "-c", "echo $TRACEPARENT").stdout.split(b"-")[1] for _ in range(2)}
    [number] = ids
    assert len(number) == 32
    assert int(number, 16)


SPAN = "b7ad6b7169203331"


@pytest.mark.parametrize(
    ("given", "flags"),
    [(f"00-{W3C}-{SPAN}-00", "00"), (f"00-{W3C}-{SPAN}-03", "03"), (f"cc-{W3C}-{SPAN}-01-what-is-to-come", "01")],
)
def test_the_w3c_context_that_comes_in_is_continued(sandbox: Sandbox, given: str, flags: str) -> None:
    """Within exec's own trace, within one that was named, and within an exec that is nested in it."""
    environ = {**sandbox.environ, "TRACEPARENT": given, "TRACESTATE": "congo=t61rcWkgMzE"}
    print_all = "echo $TRACERD_TRACE_ID $TRACESTATE $TRACEPARENT $TRACERD_PARENT"
    nested = f"{print_all}; '{TRACERD}' exec -- sh -c '{print_all}'"
    own = sandbox.exec("sh", "-c", nested, env=environ).stdout.decode().splitlines()
    named = sandbox.exec("--trace", "named", "sh", "-c", print_all, env=environ).stdout.decode().splitlines()
    spans: set[str] = set()
    for line in [*own, *named]:
        trace_id, state, w3c, span = line.split()
        assert state == "congo=t61rcWkgMzE"
        assert w3c == f"00-{W3C}-{span}-{flags}"
        assert trace_id == "named" or re.fullmatch(rf"tr-\d+-{W3C}", trace_id)
        spans.add(span)
    assert len(spans) == 3
    assert SPAN not in spans


@pytest.mark.parametrize(
    "given",
    [
        "",
        f"ff-{W3C}-{SPAN}-01",
        f"00-{W3C}-{SPAN}-01-more",
        f"00-{W3C}-{SPAN}",
        f"00-{W3C}-{'0' * 16}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{W3C.upper()}-{SPAN}-01",
        f"00-{W3C}-{SPAN}-1",
        f"00-{W3C[1:]}-{SPAN}-01",
    ],
)
def test_a_w3c_context_that_is_not_valid_is_replaced(sandbox: Sandbox, given: str) -> None:
    environ = {**sandbox.environ, "TRACEPARENT": given}
    done = sandbox.exec("sh", "-c", "echo $TRACERD_TRACE_ID $TRACEPARENT $TRACERD_PARENT", env=environ)
    trace_id, w3c, span = done.stdout.decode().split()
    assert w3c == f"00-{trace_id[-32:]}-{span}-01"
    assert W3C not in w3c


def test_the_trace_of_the_environment_is_joined(sandbox: Sandbox) -> None:
    sandbox.exec("true", env={**sandbox.environ, "TRACERD_TRACE_ID": "joined"})
    sandbox.exec("-o", "t.json", "false", env={**sandbox.environ, "TRACERD_TRACE_ID": "joined"})
    assert sandbox.spans() == ["true", "false"]


def test_a_trace_id_that_is_none_is_told_and_replaced(sandbox: Sandbox) -> None:
    done = sandbox.exec("-o", "t.json", "true", env={**sandbox.environ, "TRACERD_TRACE_ID": "a/b"})
    line = b"tracerd exec: TRACERD_TRACE_ID: a trace id must not contain '/'; this command begins a new trace\n"
    assert (done.returncode, done.stderr) == (0, line)
    assert sandbox.spans() == ["true"]


def test_another_trace_than_that_of_the_parent_has_no_arrow(sandbox: Sandbox) -> None:
    sandbox.sh(f"'{TRACERD}' exec --trace apart -o u.json -- true")
    assert sandbox.spans() == ["sh"]
    assert {str(event["ph"]) for event in sandbox.events("u.json")} == {"M", "X"}
