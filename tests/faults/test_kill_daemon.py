"""Kill -9 of the daemon under load: what was acknowledged is in the log, whole and once."""

import sys
import threading
from collections import Counter
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.faults.load import Seen, load
from tests.harness import Daemon, short_dir, wait_until
from tests.service.services import Service

WRITERS = 2
GROWTH_BYTES = 100_000
"""How much a daemon may write before it is killed: some turns of all writers."""


def _wait_for_growth(log: Path) -> None:
    before = log.stat().st_size if log.exists() else 0
    wait_until(lambda: log.exists() and log.stat().st_size > before + GROWTH_BYTES, "the log to grow")


def _check(seen: Seen, kills: int) -> None:
    sys.stderr.write(f"{kills} kills: {seen}\n")
    assert (seen.missing, seen.doubled, seen.not_sent) == (0, 0, 0)
    assert seen.acknowledged <= seen.stored <= seen.sent


def _kill_a_service_under_load(kills: int, seen: list[Seen]) -> None:
    """A daemon on a socket that a service manager keeps, killed and started anew at once."""
    with short_dir() as home, closing(Service(home)) as service, load(service.path, "load", WRITERS) as running:
        log = service.logs / "load.jsonl"
        for _ in range(kills):
            process = service.start()
            _wait_for_growth(log)
            process.kill()
            process.wait()
        service.start()
        running.end()
        service.stop()
        seen.append(running.compare(log.read_bytes()))


FAMILIES = 2
"""Daemons at a time: while one starts, the other is under load."""


@pytest.mark.parametrize(
    "kills",
    [pytest.param(4, id="4"), pytest.param(1000, id="1000", marks=[pytest.mark.long, pytest.mark.timeout(1800)])],
)
def test_acknowledged_events_survive_and_no_connect_fails_on_a_socket_that_stays(kills: int) -> None:
    seen: list[Seen] = []
    families = [
        threading.Thread(target=_kill_a_service_under_load, args=(kills // FAMILIES, seen)) for _ in range(FAMILIES)
    ]
    for family in families:
        family.start()
    for family in families:
        family.join()

    assert len(seen) == FAMILIES
    for each in seen:
        _check(each, kills // FAMILIES)
        assert each.failed_connects == Counter()
        # Whoever was connected is cut off, each time, and finds out by an error or the end of the replies.
        assert sum(each.cut_off.values()) == each.connects - WRITERS
        assert set(each.cut_off) <= {"EPIPE", "ECONNRESET", "EOF"}


@pytest.mark.parametrize(
    "kills",
    [pytest.param(3, id="3"), pytest.param(1000, id="1000", marks=[pytest.mark.long, pytest.mark.timeout(1800)])],
)
def test_acknowledged_events_survive_and_connects_fail_between_daemons_with_a_socket_of_their_own(kills: int) -> None:
    with short_dir() as home, ExitStack() as stack:
        daemon = Daemon(home)
        running = stack.enter_context(load(daemon.socket, "load", WRITERS))
        for _ in range(kills):
            _wait_for_growth(daemon.dir / "load.jsonl")
            daemon.kill()
            daemon = Daemon(home)
        running.end()
        daemon.stop()
        seen = running.compare(daemon.log("load"))

    _check(seen, kills)
    assert set(seen.failed_connects) <= {"ECONNREFUSED", "ENOENT"}
    assert seen.failed_connects
