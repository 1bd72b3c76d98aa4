"""Logs that pages are tested with, and pictured with."""

import os
import random
import time
from pathlib import Path

from tests.builds.traces import Trace
from tests.web.conftest import PROCESS, attributes, clock, log, point, span, text

MINUTE_US = 60 * 10**6


def a_build(start_us: int) -> bytes:
    """A make of many files on four lanes, whose link fails."""
    trace, chance = Trace(), random.Random(7)
    lasted = 6_600_000
    make = trace.step("make -j4 all", 0, lasted, exit_code=2, cwd="/home/ada/kettle")
    ends = [80_000] * 4
    for number in range(26):
        lane = ends.index(min(ends))
        dur = chance.randrange(250_000, 1_900_000)
        name = ("lexer", "parser", "tree", "check", "emit", "main", "json", "utf8")[number % 8]
        trace.step(
            f"cc -O2 -c {name}{number}.c -o {name}{number}.o", ends[lane], ends[lane] + dur, cwd="/home/ada/kettle"
        )
        ends[lane] += dur + 3_000
    trace.step("ar rcs libkettle.a lexer0.o parser1.o tree2.o", max(ends), max(ends) + 310_000, cwd="/home/ada/kettle")
    end = max(ends) + 320_000
    trace.step(
        "ld -o kettle main5.o libkettle.a -lssl3", end, end + 420_000, exit_code=1, cwd="/home/ada/kettle", parent=make
    )
    about = attributes(name="kettle", command="make -j4 all", exit_code=2, begun_by="exec", tags=["ci"], branch="main")
    return text(clock(start_us), about) + trace.block


def a_service(start_us: int) -> bytes:
    """Requests with their queries and log events; some fail."""
    chance, lines = random.Random(3), [clock(start_us), PROCESS]
    about = attributes(
        name="api", session="evening", user="ada", environment="staging", tags=["api", "eu"], version="2.4.1"
    )
    lines.append(about)
    at = 0
    for number in range(24):
        dur = chance.randrange(4_000, 90_000)
        fails = number % 17 == 5
        error = {"error": "connection reset by peer"} if fails else {}
        lines += [
            span(
                "GET /cart" if number % 3 else "POST /order",
                at,
                dur,
                status=500 if fails else 200,
                service="api",
                **error,
            ),
            span("SELECT items", at + 800, dur // 2, rows=chance.randrange(40), service="api"),
            point("requests.active", at, chance.randrange(1, 9), "host=eu-1"),
        ]
        if number % 6 == 1:
            lines.append(log("slow query, no index on items.owner", at + 900, "warning", service="api", rows=120_000))
        if fails:
            lines.append(
                log("order 7781 was not stored: connection reset by peer", at + dur - 100, "error", service="api")
            )
        elif number % 5 == 0:
            lines.append(log(f"order {7000 + number} stored", at + dur - 100, service="api", items=3))
        at += dur + chance.randrange(1_000, 9_000)
    return text(*lines)


def a_test_run(start_us: int) -> bytes:
    """Short and well."""
    spans = [span(f"test_{name}", number * 40_000, 30_000 + 900 * number) for number, name in enumerate("abcdefgh")]
    return text(clock(start_us), attributes(name="pytest", tags=["ci", "tests"], environment="ci"), *spans)


def many_spans(count: int) -> bytes:
    """A trace of so many spans, ten in each of the outer ones."""
    return text(
        *(
            span(f"outer {at}" if at % 10 == 0 else f"inner {at}", at * 10, 95 if at % 10 == 0 else 5)
            for at in range(count)
        )
    )


def write(directory: Path, logs: dict[str, bytes]) -> Path:
    """Write logs, the last one latest."""
    directory.mkdir(mode=0o700, exist_ok=True)
    now = time.time()
    for number, (name, content) in enumerate(logs.items()):
        path = directory / f"{name}.jsonl"
        path.write_bytes(content)
        at = now - len(logs) + number
        os.utime(path, (at, at))
    return directory


def usual(now_us: int) -> dict[str, bytes]:
    """What the pages show in most tests."""
    return {
        "tests-0412": a_test_run(now_us - 50 * MINUTE_US),
        "api-2026": a_service(now_us - 30 * MINUTE_US),
        "build-0413": a_build(now_us - 4 * MINUTE_US),
        "tests-0413": a_test_run(now_us - 3 * MINUTE_US),
    }
