"""Logs of a shop with metrics, log events and alerts, and of two builds, for pictures."""

import math
import random
from typing import Final

from tests.builds.traces import Trace
from tests.web.conftest import PROCESS, attributes, clock, log, point, span, text

SECOND_US: Final = 10**6
LAST_S: Final = 3 * 3600


def a_shop(start_us: int) -> bytes:
    """Three hosts, a provider that fails twice, the second time until now, and ten minutes of slow requests."""
    chance = random.Random(1)
    lines = [clock(start_us), attributes(name="shop, staging", tags=["staging"]), PROCESS]
    for second in range(0, LAST_S, 20):
        at = second * SECOND_US
        for host, base in (("eu-1", 40), ("eu-2", 55), ("us-1", 70)):
            value = base + 20 * math.sin(second / 900 + base) + 8 * chance.random()
            lines.append(point("queue depth", at, round(value, 2), f"host={host},zone={host[:2]}"))
        slow_us = 3_000_000 if 6000 <= second < 6600 else 0
        for number in range(8):
            dur = chance.randrange(9_000, 160_000) + slow_us * (number % 2)
            lines.append(span("GET /cart", at + number * SECOND_US, dur, service="shop-api"))
        if second % 700 == 0:
            lines.append(log("queue is longer than 100", at + 9, "warning", service="worker", host="eu-2"))
        if 4000 <= second < 4400 or second > LAST_S - 100:
            lines += [
                log("payment provider did not answer", at + number, "error", service="payments", attempt=number)
                for number in range(6)
            ]
    return text(*lines)


def a_build(start_us: int, tests_us: int, *more: str) -> bytes:
    """A make whose tests take so long."""
    commands = ("cc -c parser.c", "cc -c lexer.c", *more, "ld -o kettle", "make test")
    took = {command: tests_us if command == "make test" else 120_000 * len(command) for command in commands}
    trace, at = Trace(), 0
    make = trace.step("make all", 0, sum(took.values()), cwd="/home/ada/kettle")
    for command, dur in took.items():
        trace.step(command, at, at + dur, cwd="/home/ada/kettle", parent=make)
        at += dur
    about = attributes(name="kettle", command="make all", begun_by="exec", tags=["ci"])
    return text(clock(start_us), about) + trace.block


def pictured(now_us: int) -> dict[str, bytes]:
    """All of them, until now."""
    return {
        "kettle-41": a_build(now_us - 9 * 3600 * SECOND_US, 2_100_000, "cc -c old.c"),
        "kettle-42": a_build(now_us - 8 * 3600 * SECOND_US, 3_900_000, "cc -c utf8.c"),
        "shop": a_shop(now_us - LAST_S * SECOND_US),
    }
