"""Logs for the pages of logs, metrics, alerts and comparison."""

from pathlib import Path

from tests.web.conftest import DAY_US, PROCESS, START_US, attributes, clock, log, point, span, text

MINUTE_US = 60 * 10**6

HOSTILE = [
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "\"'><svg onload=alert(1)>",
    "\u202egnp.exe\u202c \u200f",
    "\x1b[31mred\x1b[0m",
    "{{ 7 * 7 }}",
    "x" * 10_000,
]

TRACEBACK = "Traceback:\n" + "  in pay\n" * 900 + "\x1bBankError: <b>closed\n"
"""Longer than what is shown of it, with what would act on its neighbours."""

ALL = "1970-01-01T00:00:00Z"
"""The begin of all time: pages show a day."""


def a_shop(start_us: int) -> bytes:
    """Metrics of two hosts, one with a label that is an id, and errors for two minutes that then end."""
    lines = [clock(start_us), attributes(name="shop"), PROCESS]
    for minute in range(30):
        at = minute * MINUTE_US
        lines += [point("queue", at, 10 + minute, "host=a,zone=eu"), point("queue", at, 5, "host=b,zone=us")]
        lines += [point("request_ms", at + n, n, f"request=r{minute}-{n},route=/cart") for n in range(3)]
        more = {"traceback": TRACEBACK} if minute == 7 else {}
        lines.append(log(f"minute {minute}", at + 5, service="shop", user=f"u{minute}", **more))
        if minute == 29:
            lines.append(log("payment refused", at + 9, "error", service="payments"))
        if minute in (3, 4):
            lines += [
                log("payment refused", at + 10 + n, "error", service="payments") for n in range(12 + 20 * (minute - 3))
            ]
    return text(*lines)


def a_build(start_us: int, **times_us: int) -> bytes:
    """Spans one after the other."""
    lines, at = [clock(start_us), attributes(name="all"), PROCESS], 0
    for name, dur in times_us.items():
        lines.append(span(name, at, dur))
        at += dur
    return text(*lines)


def hostile(start_us: int) -> bytes:
    """Names, labels and messages that would do something elsewhere."""
    lines = [clock(start_us), PROCESS]
    for at, name in enumerate(HOSTILE):
        lines += [point(name, at, at, f"{name[:99]}={name}"), log(name, at, "error", service=name, **{name: name})]
        lines.append(span(name, at, 5))
    return text(*lines)


def write(directory: Path) -> Path:
    """All of them, the last one latest."""
    directory.mkdir(mode=0o700)
    logs = {
        "before": a_build(START_US, compile=2_000_000, link=500_000, old=100_000),
        "after": a_build(START_US + DAY_US, compile=3_000_000, link=400_000, new=50_000),
        "hostile": hostile(START_US + DAY_US),
        "shop": a_shop(START_US + DAY_US),
    }
    for name, content in logs.items():
        (directory / f"{name}.jsonl").write_bytes(content)
    return directory
