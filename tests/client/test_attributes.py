"""Metrics and attributes of a trace: what is written, and what Perfetto and `stats` make of it."""

import json
import math

from tests.client.client_programs import events, named, run
from tests.commands import invoke
from tests.harness import Daemon
from tests.perfetto.judge import Judge

SOURCE = """
import tracerd.client as trace

trace.attributes(name="nightly", tags=["ci"], session="s")
trace.attributes(tags=["ci", "linux"], retries=2)
trace.metric("queue", 3, host="b", zone="1")
trace.metric("queue", 4, zone="2", host="a,b%")
trace.metric("queue", 5)
trace.metric("queue", float("nan"), host="b")
trace.metric("queue", "many")
trace.attributes()
"""


def test_each_set_of_labels_is_a_curve_in_perfetto(daemon: Daemon, perfetto: Judge) -> None:
    assert run(SOURCE, daemon.socket).stderr == ""
    found = events(daemon)
    [counters], problems = perfetto.examine(
        daemon.dir.parent / "all.json",
        "select t.name, c.value from counter c join counter_track t on t.id = c.track_id order by c.value",
    )

    assert problems == {}
    assert [list(row) for row in counters] == [
        ["queue id: host=b,zone=1 value", 3],
        ["queue id: host=a%2Cb%25,zone=2 value", 4],
        ["queue value", 5],
    ]
    assert [event["args"] for event in named(found, "queue")] == [{"value": 3}, {"value": 4}, {"value": 5}]


def test_attributes_are_those_that_readers_show(daemon: Daemon) -> None:
    run(SOURCE, daemon.socket)
    events(daemon)
    told = json.loads(invoke("stats", "t", "-d", daemon.dir, "--json").stdout)

    expected = {"name": "nightly", "tags": ["ci", "linux"], "session": "s", "retries": 2}
    assert told["attributes"] == expected


def test_what_is_no_number_is_counted_and_not_written() -> None:
    from tracerd.client import Client

    client = Client("t", "/no/such/socket")
    client.metric("x", math.inf)
    client.metric("x", "1e999", a=1)  # type: ignore[arg-type]  # whatever is given

    assert client.repaired == 2
