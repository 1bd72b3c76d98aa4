"""Connect, open, send, leave, emit, stop and kill in any order: a real daemon against a model of a few lines."""

import signal
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.harness import PATIENCE_S, Client, Daemon, event, exported, short_dir

TRACES = ["a", "b"]
MAX_DAEMONS = 2
"""Daemons in one example: each takes a while to start."""


@dataclass(eq=False)
class Talker:
    """A client, and what the model knows of it."""

    client: Client
    number: int
    trace: str | None = None
    stored: int = 0
    refused: int = 0
    rest: bytes = b""
    """What is missing of a line that was sent in part."""
    rest_number: int = 0
    gone: bool = False


class AnyOrder(RuleBasedStateMachine):
    """The model: for each trace and client, the numbers it sent; after a stop the log holds exactly these.

    After a kill it holds a beginning of them, with all that was acknowledged; from then on the model takes the log's
    word.
    """

    talkers = Bundle("talkers")

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        self.home = self._stack.enter_context(short_dir())
        self.daemon = Daemon(self.home)
        self.daemons = 1
        self.here: list[Talker] = []
        self.sent: dict[str, dict[int, list[int]]] = {trace: defaultdict(list) for trace in TRACES}
        self.acknowledged: dict[str, set[int]] = {trace: set() for trace in TRACES}
        self.owner: dict[int, int] = {}
        self.exports = 0
        self.clients = 0

    # ------------------------------------------------------------------ what clients do

    @rule(target=talkers, trace=st.sampled_from(TRACES))
    def connect(self, trace: str) -> Talker:
        self.clients += 1
        talker = Talker(self.daemon.connect(), self.clients, trace)
        talker.client.send(b"OPEN %s\n" % trace.encode())
        self.here.append(talker)
        return talker

    @rule(talker=talkers, trace=st.sampled_from(TRACES))
    def open(self, talker: Talker, trace: str) -> None:
        if not talker.gone and not talker.rest:
            talker.client.send(b"OPEN %s\n" % trace.encode())
            talker.trace = trace

    @rule(talker=talkers)
    def open_badly(self, talker: Talker) -> None:
        if not talker.gone and not talker.rest:
            talker.client.send(b"OPEN ../x\n")
            talker.trace = None

    @rule(talker=talkers, count=st.integers(1, 60))
    def send(self, talker: Talker, count: int) -> None:
        if not talker.gone and not talker.rest:
            numbers = [self._number(talker) for _ in range(count)]
            talker.client.send(b"".join(map(event, numbers)))
            for number in numbers:
                self._has_sent(talker, number)

    @rule(talker=talkers, cut=st.integers(1, 20))
    def send_half_a_line(self, talker: Talker, cut: int) -> None:
        if not talker.gone and not talker.rest:
            talker.rest_number = self._number(talker)
            line = event(talker.rest_number)
            talker.client.send(line[:cut])
            talker.rest = line[cut:]

    @rule(talker=talkers)
    def send_the_other_half(self, talker: Talker) -> None:
        if not talker.gone and talker.rest:
            talker.client.send(talker.rest)
            talker.rest = b""
            self._has_sent(talker, talker.rest_number)

    @rule(talker=talkers, line=st.sampled_from([b"bad\n", b"{\n", b"{}}\n", b"\xff\n", b"[1]\n"]))
    def send_a_bad_line(self, talker: Talker, line: bytes) -> None:
        if not talker.gone and not talker.rest:
            talker.client.send(line)
            talker.refused += 1

    @rule(talker=talkers)
    def flush(self, talker: Talker) -> None:
        if not talker.gone and not talker.rest:
            assert talker.client.flush() == (talker.stored, talker.refused, 0)
            for trace in TRACES:
                self.acknowledged[trace].update(self.sent[trace][talker.number])

    @rule(talker=talkers)
    def emit(self, talker: Talker) -> None:
        if not talker.gone and not talker.rest and talker.trace:
            self.exports += 1
            path = self.home / f"{self.exports}.json"
            talker.client.send(b"EMIT_TEF %s\n" % bytes(path))
            assert talker.client.flush() == (talker.stored, talker.refused, 0)
            # What anybody had sent before is there, also of those who have gone.
            self._agrees(exported(path), self.sent[talker.trace])

    @rule(talker=consumes(talkers))
    def leave(self, talker: Talker) -> None:
        talker.client.close()
        talker.gone = True

    # ------------------------------------------------------------------ what people do

    @precondition(lambda self: self.daemons < MAX_DAEMONS)
    @rule(way=st.sampled_from(["SIGTERM", "SIGINT", "DIE"]))
    def stop(self, way: str) -> None:
        if way == "DIE":
            with self.daemon.connect() as client:
                client.send(b"DIE\n")
                assert client.finish() == b""
            assert self.daemon.process.wait(PATIENCE_S) == 0
        else:
            self.daemon.stop(getattr(signal, way))
        for trace in TRACES:
            self._agrees(self._log(trace), self.sent[trace])
        self._begin_anew()

    @precondition(lambda self: self.daemons < MAX_DAEMONS)
    @rule()
    def kill(self) -> None:
        self.daemon.kill()
        for trace in TRACES:
            found = self._log(trace, whole=False)
            assert self.acknowledged[trace] <= set(found)
            for number, sent in self.sent[trace].items():
                logged = [each for each in found if self.owner[each] == number]
                assert logged == sent[: len(logged)]
                self.sent[trace][number] = logged
            self._agrees(found, self.sent[trace])
        self._begin_anew()

    def teardown(self) -> None:
        """A last stop, and the log is as it should be."""
        try:
            if self.daemon.process.returncode is None:
                self.daemon.stop()
                for trace in TRACES:
                    self._agrees(self._log(trace), self.sent[trace])
        finally:
            self._forget_clients()
            self.daemon.kill()
            self._stack.close()

    # ------------------------------------------------------------------ the model

    def _number(self, talker: Talker) -> int:
        number = len(self.owner) + 1
        self.owner[number] = talker.number
        return number

    def _has_sent(self, talker: Talker, number: int) -> None:
        if talker.trace is None:
            talker.refused += 1
        else:
            talker.stored += 1
            self.sent[talker.trace][talker.number].append(number)

    def _agrees(self, found: list[int], sent: dict[int, list[int]]) -> None:
        """Each client's events are there, in its order, once; and no others."""
        by_client: dict[int, list[int]] = defaultdict(list)
        for number in found:
            by_client[self.owner[number]].append(number)
        assert by_client == {number: numbers for number, numbers in sent.items() if numbers}

    def _log(self, trace: str, *, whole: bool = True) -> list[int]:
        """A log may end in half a line only if the daemon was killed."""
        found = self.daemon.numbers_so_far(trace)
        assert not (whole and found) or self.daemon.log(trace).endswith(b"\n")
        return found

    def _begin_anew(self) -> None:
        self._forget_clients()
        self.daemon = Daemon(self.home)
        self.daemons += 1

    def _forget_clients(self) -> None:
        for talker in self.here:
            talker.client.close()
            talker.gone = True
        self.here.clear()


@pytest.mark.parametrize(
    "examples",
    [pytest.param(2, id="2"), pytest.param(500, id="500", marks=[pytest.mark.long, pytest.mark.timeout(3600)])],
)
def test_any_order(examples: int) -> None:
    phases = [Phase.generate]  # to shrink a failure takes longer than to read it
    run_state_machine_as_test(
        AnyOrder,
        settings=settings(max_examples=examples, stateful_step_count=80, deadline=None, database=None, phases=phases),
    )
