"""Under load nothing is lost, duplicated, torn or put out of order.

The benchmark at a small scale: it prints its figures and asserts no time.
"""

import json
import subprocess
from pathlib import Path

import click
import pytest

from bench import neighbours, resources, scenarios
from bench.daemons import Subject, copier, tracerd
from bench.load import EVENT_BYTES, Verdict, verify
from bench.scenarios import Bench, Scenario
from bench.table import Results
from bench.tools import build, compiler

pytestmark = pytest.mark.skipif(compiler() is None, reason="needs a C compiler: install gcc")

SCALE = 0.02
SCENARIOS = [
    scenarios.s1,
    scenarios.s8,
    scenarios.l4,
    scenarios.c1,
    scenarios.c16,
    scenarios.latency,
    neighbours.new,
    neighbours.long_line,
    resources.get_tef,
    resources.export_under_load,
]


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled programs of the benchmark."""
    return build(tmp_path_factory.mktemp("tools"))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: str(scenario.__name__))
def test_all_arrives_once_whole_and_in_order(
    tools: Path, scenario: Scenario, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = Bench(tools, SCALE)
    subjects = [tracerd(), copier(tools)]
    results = Results([subject.name for subject in subjects])
    for subject in subjects:
        results.add(scenario.__name__, subject.name, scenario(bench, subject))
    with capsys.disabled():
        click.echo(f"\n{results.table()}")
    assert bench.faults == []


def rendered(tools: Path, count: int) -> list[bytes]:
    """The first events of client 0."""
    return subprocess.check_output([tools / "render", str(count)]).splitlines(keepends=True)


CLOCK = b'{"ph":"M","name":"tracerd_clock","args":{}}\n'

LOGS: list[tuple[list[int], Verdict]] = [
    ([0, 1, 2], Verdict(3, lost=0, duplicated=0, reordered=0, torn=0, clock_lines=0)),
    ([0, 2], Verdict(2, lost=1, duplicated=0, reordered=0, torn=0, clock_lines=0)),
    ([0, 1], Verdict(2, lost=1, duplicated=0, reordered=0, torn=0, clock_lines=0)),
    ([0, 1, 1, 2], Verdict(4, lost=0, duplicated=1, reordered=0, torn=0, clock_lines=0)),
    ([1, 0, 2], Verdict(3, lost=0, duplicated=0, reordered=1, torn=0, clock_lines=0)),
    ([0, 1, 2, 3], Verdict(4, lost=0, duplicated=0, reordered=0, torn=1, clock_lines=0)),  # 3 was never sent
    ([], Verdict(0, lost=3, duplicated=0, reordered=0, torn=0, clock_lines=0)),
]


@pytest.mark.parametrize(("numbers", "verdict"), LOGS)
def test_what_became_of_events_is_told(tools: Path, tmp_path: Path, numbers: list[int], verdict: Verdict) -> None:
    events = rendered(tools, 4)
    log = tmp_path / "log"
    log.write_bytes(b"".join(events[number] for number in numbers))
    assert verify(tools, [3], [log]) == verdict
    assert verdict.is_clean() == (numbers == [0, 1, 2])


def test_events_are_json_and_have_their_size(tools: Path) -> None:
    events = rendered(tools, 1001)
    assert {len(event) for event in events} == {EVENT_BYTES}
    assert [json.loads(event)["ts"] for event in events[::1000]] == [1_000_000_000.125, 1_000_001_000.125]


def test_every_changed_byte_is_noticed(tools: Path, tmp_path: Path) -> None:
    first, second = rendered(tools, 2)
    log = tmp_path / "log"
    for at in range(len(first)):
        log.write_bytes(CLOCK + first[:at] + b"#" + first[at + 1 :] + second)
        verdict = verify(tools, [2], [log])
        assert (verdict.lost, verdict.clock_lines) == (1 if at < len(first) - 1 else 2, 1)
        assert verdict.torn == 1


def test_a_missing_log_is_a_loss(tools: Path, tmp_path: Path) -> None:
    assert verify(tools, [2, 3], [tmp_path / "none"]).lost == 5


def test_a_daemon_that_loses_events_is_at_fault(tools: Path, tmp_path: Path) -> None:
    bench = Bench(tools, SCALE)
    subject = Subject("elsewhere", f"{tools / 'copier'} {{sock}} {tmp_path}")
    scenarios.s1(bench, subject)
    assert len(bench.faults) == 1
    assert f"lost={bench.scaled(2_000_000)}" in bench.faults[0]
