"""What git writes of itself becomes events of the trace that it belongs to."""

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.git_lines import BEGUN, ENDED, OFFSET_US, PID, SID, VERSION, client, line, meant, run
from tests.harness import ROOT
from tracerd.core.git_client import GitTotals, begun
from tracerd.git_trace2.line import MAX_TEXT
from tracerd.git_trace2.process import MAX_OPEN

Event = dict[str, object]


def of(events: list[Event], ph: str) -> list[Event]:
    return [event for event in events if event["ph"] == ph]


def spans(events: list[Event]) -> dict[object, tuple[object, object]]:
    return {event["name"]: (event["ts"], event["dur"]) for event in of(events, "X")}


def at(us: int) -> int:
    """The trace's clock, so many microseconds after the begin of the minute."""
    return 1_795_309_200_000_000 - OFFSET_US + us


def test_a_git_with_a_region_and_a_child() -> None:
    data = (
        BEGUN
        + line("def_repo", 310, worktree="/w")
        + line("region_enter", 400, category="index", label="do_read_index")
        + line("data", 450, category="index", key="read/cache_nr", value="3")
        + line("region_leave", 500, category="index", label="do_read_index", t_rel=0.000099, msg=".git/index")
        + line(
            "child_start", 600, child_id=0, child_class="hook", hook_name="pre-commit", argv=[".git/hooks/pre-commit"]
        )
        + line("child_exit", 700, child_id=0, pid=9, code=1)
        + ENDED
    )
    events, refused = meant(data)
    assert refused == []
    assert spans(events) == {"git status": (at(50), 950), "index/do_read_index": (at(400), 100)}
    [process] = [event for event in of(events, "X") if event["cat"] == "git"]
    assert process["args"] == {"version": "2.39.5", "argv": ["git", "status"], "worktree": "/w", "exit_code": 0}
    assert {event["pid"] for event in events} == {event["tid"] for event in events} == {PID}
    [moment] = of(events, "i")
    assert (moment["name"], moment["ts"], moment["args"]) == ("index/read/cache_nr", at(450), {"value": "3"})
    [begin], [end] = of(events, "b"), of(events, "e")
    assert (begin["name"], begin["ts"], end["ts"]) == ("hook: pre-commit", at(600), at(700))
    assert begin["id2"] == end["id2"]
    assert end["args"] == {"pid": 9, "exit_code": 1}
    marks = [event for event in of(events, "M") if event["name"] == "tracerd_begin"]
    assert [mark["args"]["id"] for mark in marks] == [process["begin"]]  # type: ignore[index]  # it is an object
    assert [event["args"] for event in of(events, "M") if event["name"] == "process_name"] == [{"name": "git status"}]


def test_a_git_that_was_killed_has_begun_and_what_was_open_ends_with_its_last_line() -> None:
    events, _ = meant(
        BEGUN
        + line("region_enter", 400, category="a", label="b")
        + line("child_start", 500, child_id=1, argv=["/usr/bin/git", "gc"])
        + line("data", 600, key="x")
    )
    assert spans(events) == {"a/b": (at(400), 200)}
    assert [event["name"] for event in of(events, "M")] == ["tracerd_begin", "process_name"]
    assert [(event["name"], event["ts"]) for event in of(events, "e")] == [("child: git gc", at(600))]


def test_what_goes_on_when_the_process_has_ended_has_a_row_of_its_own() -> None:
    """As `git gc --auto` does: the first process ends, and a copy of it goes on writing."""
    later = line("region_enter", 2000, label="r") + line("region_leave", 3000) + line("atexit", 4000, code=3)
    events, refused = meant(BEGUN + line("region_enter", 500, label="open") + ENDED + later)
    assert refused == []
    first, second = [event for event in of(events, "X") if event["cat"] == "git"]
    assert (first["tid"], first["ts"], first["dur"]) == (PID, at(50), 950)
    assert (second["ts"], second["dur"], second["args"]) == (at(2000), 2000, {"exit_code": 3})
    [row] = [event for event in of(events, "M") if event["name"] == "thread_name"]
    [region] = [event for event in of(events, "X") if event["name"] == "r"]
    assert row["args"] == {"name": "background"}
    assert row["tid"] == second["tid"] == region["tid"] != PID
    assert "begin" not in second


def test_a_copy_that_goes_on_may_write_before_git_has_ended() -> None:
    """What it has begun by then is closed with git, and its end is no fault of a client."""
    data = BEGUN + line("child_start", 900, child_id=0, argv=["git", "repack"]) + line("region_enter", 950, label="r")
    data += line("exit", 960, code=0) + line("atexit", 1000, code=0)
    data += line("region_leave", 1100, label="r") + line("child_exit", 1200, child_id=0, code=0)
    data += line("exit", 1300, code=0) + line("atexit", 1400, code=0)
    events, refused = meant(data)
    assert refused == []
    assert [event["args"] for event in of(events, "e")] == [{"end": "not seen"}]


def test_threads_have_rows() -> None:
    thread = {"thread": "th01:preload_thread"}
    data = line("thread_start", 400, **thread) + line("region_enter", 410, label="r", **thread)
    data += line("region_leave", 420, **thread) + line("thread_exit", 430, **thread)
    events, _ = meant(BEGUN + data + ENDED)
    names = {str(event["name"]): event["tid"] for event in of(events, "X")}
    assert names["th01:preload_thread"] == names["r"] != names["git status"]


def test_times_never_go_back() -> None:
    """The wall clock may be set; what git nests stays nested."""
    data = line("region_enter", 900, label="out") + line("region_enter", 400, label="in") + line("region_leave", 950)
    events, _ = meant(BEGUN + data + line("region_leave", 600) + line("atexit", 700))
    assert spans(events) == {"git status": (at(50), 900), "out": (at(900), 50), "in": (at(900), 50)}


def test_a_git_that_writes_no_times_is_a_process() -> None:
    """GIT_TRACE2_EVENT_BRIEF."""
    data = VERSION + line("start", None, t_abs=0.00015, argv=["git", "log"]) + line("cmd_name", None, name="log")
    data += line("region_enter", None, label="r") + line("exit", None, t_abs=0.002, code=0)
    events, refused = meant(data)
    assert spans(events) == {"git log": (at(100), 2000)}
    assert refused == ["events without a time, as with GIT_TRACE2_EVENT_BRIEF"]


@pytest.mark.parametrize("words", [["git", "fsmonitor--daemon", "run"], ["git", "-C", "x", "fsmonitor--daemon", "run"]])
def test_the_monitor_of_a_file_system_is_not_recorded(words: list[str]) -> None:
    data = VERSION + line("start", 1, argv=words) + line("cmd_name", 2, name="fsmonitor--daemon")
    assert meant(data + line("region_enter", 3, label="r") + line("data", 4, key="x") + ENDED) == ([], [])


def test_unknown_events_are_counted() -> None:
    totals = GitTotals()
    git = client(totals=totals)
    meaning = git.take(run(VERSION + line("from_the_future", 200, x=1) + line("and_another", None)))
    assert (meaning.refused, totals) == ([], GitTotals(processes=1, unknown_events=2))


HIDDEN = [
    line("start", 200, argv=["git", "clone", "https://ada:hunter2@example.org/x"]),
    line("start", 200, argv=["git", "-c", "http.extraHeader=X-Team: hunter2", "fetch"]),
    line("start", 200, argv=["git", "-c", "http.https://h/.extraheader=X-Team: hunter2", "fetch"]),
    line("start", 200, argv=["git", "config", "http.extraHeader", "hunter2"]),
    line("child_start", 200, argv=["git", "remote-https", "o", "https://ada:hunter2@example.org/x"]),
    line("child_start", 200, argv=["https://ada:hunter2@example.org/x"]),
    line("alias", 200, alias="x", argv=["--password", "hunter2"]),
    line("def_param", 200, param="http.extraHeader", value="X-Team: hunter2"),
    line("def_param", 200, param="sendemail.smtpPass", value="hunter2"),
    line("def_param", 200, param="http.proxy", value="http://a:hunter2@p"),
    line("data", 200, category="c", key="url", value="https://ada:hunter2@example.org/x"),
    line("data_json", 200, category="c", key="k", value={"token": "hunter2", "list": ["--password", "hunter2"]}),
    line("error", 200, msg="cannot reach 'https://ada:hunter2@example.org/x'"),
    line("region_enter", 200, label="https://ada:hunter2@h/"),
    line("def_repo", 200, worktree="https://ada:hunter2@h/"),
]


@pytest.mark.parametrize("secret", HIDDEN)
def test_secrets_are_not_in_the_log(secret: bytes) -> None:
    events, refused = meant(VERSION + secret + line("cmd_name", 300, name="x") + ENDED)
    assert refused == []
    assert "hunter2" not in str(events)
    assert "***" in str(events) or b"alias" in secret  # of an alias only its name is recorded


@pytest.mark.parametrize(
    ("sid", "trace_id"),
    [
        (SID, "build-42"),
        ("20261122T010051.756122Z-H0a7c9cdf-P00005d88", "20261122T010051.756122Z-H0a7c9cdf-P00005d88"),
        ("../../etc/passwd", "git.."),
        ("/x", "git"),
        ("", "git"),
        (".hidden/x", "git.hidden"),
        ("-rf/x", "git-rf"),
        ("a b\x1b[2J\u202e/x", "a_b_[2J_"),
        ("é" * 300 + "/x", "é" * 100),
        ("." * 300, "git" + "." * 197),
    ],
)
def test_the_trace_is_what_the_id_begins_with(sid: str, trace_id: str) -> None:
    first = b'{"event":"version",%s}\n' % json.dumps({"sid": sid}).encode()[1:-1]
    assert client(first).trace_id == trace_id


def test_a_git_without_a_pid_in_its_id_has_that_of_its_connection() -> None:
    events, _ = meant(BEGUN.replace(SID.encode(), b"x/y") + ENDED)
    assert {event["pid"] for event in events} == {7}


@pytest.mark.parametrize(
    "first",
    [b"{}\n", b'{"sid":"a","event":"version"}\n', b'{"event":"version","sid":7}\n', b'{"event":"version","x":1}\n'],
)
def test_what_else_comes_without_open_is_not_git(first: bytes) -> None:
    assert begun(run(first), 7, lambda: 0, GitTotals()) is None
    assert begun(run(VERSION, first_line=2), 7, lambda: 0, GitTotals()) is None


def test_what_is_open_is_limited() -> None:
    """And the ends of what was left out end nothing else."""
    begins = b"".join(line("region_enter", 400, label=f"r{number}") for number in range(MAX_OPEN + 50))
    events, refused = meant(BEGUN + begins + line("region_leave", 500) * (MAX_OPEN + 50) + ENDED)
    assert len(of(events, "X")) == MAX_OPEN + 1
    assert len(refused) == 50
    assert "more than 1000" in refused[0]
    begins = b"".join(line("region_enter", 400, thread=f"t{number}", label="r") for number in range(MAX_OPEN + 50))
    assert len(meant(BEGUN + begins)[1]) == 50
    begins = b"".join(line("child_start", 400, child_id=number, argv=["x"]) for number in range(MAX_OPEN + 50))
    assert len(meant(BEGUN + begins)[1]) == 50
    moments = b"".join(line("data", 400, thread=f"t{number}", key="k") for number in range(2 * MAX_OPEN))
    assert len({event["tid"] for event in meant(BEGUN + moments)[0]}) <= MAX_OPEN


def test_long_texts_are_left_out_whole() -> None:
    """Half of a secret would not be recognised."""
    long = "https://ada:" + "hunter2" * MAX_TEXT + "@h/"
    data = line("data", 400, key="k", value=long) + line("error", 400, msg=long) + line("region_enter", 400, label=long)
    data += line("child_start", 400, argv=["git", long]) + line("def_param", 400, param="p", value=long)
    events, _ = meant(BEGUN + data + line("data_json", 400, key="k", value=[[[[1] * MAX_TEXT]]]) + ENDED)
    assert "hunter2" not in str(events)
    assert str(events).count("(too long)") == 6
    assert len(str(events)) < 5000


@pytest.mark.parametrize(
    "bad",
    [
        b"{}",
        b'{"event":7}',
        b'{"event":"start","argv":[7]}',
        b'{"event":"start","t_abs":-1e300,"time":"9999-12-31T23:59:59Z"}',
        b'{"event":"start","t_abs":1e300,"time":"0001-01-01T00:00:00+14:00"}',
        b'{"event":"exit","t_abs":1e300,"code":99999999999999999999}',
        b'{"event":"signal","signo":-5}',
        b'{"event":"child_exit","child_id":-1}',
        b'{"event":"child_start","child_id":0,"time":"2026-11-22T01:00:51"}',
        b'{"event":"region_leave","time":"2026-11-22T01:00:00.0005Z"}',
        b'{"event":"data","thread":"","time":"2026-11-22T01:00:00.0005Z","value":%s1%s}' % (b"[" * 200, b"]" * 200),
        b'{"event":"data","time":"2026-11-22T01:00:00.0005Z","value":1e999,"key":"\\ud800"}',
        b'{"event":"cmd_name","name":"\\u0000\\u202e"}',
        b'{"event":"version","sid":"other"}',
    ],
)
def test_lines_that_git_would_not_write_leave_only_good_events(bad: bytes) -> None:
    events, _ = meant(BEGUN + bad + b"\n" + ENDED)
    [process] = [event for event in of(events, "X") if event["cat"] == "git"]
    assert int(str(process["ts"])) + int(str(process["dur"])) == at(1000)
    assert all(0 <= int(str(event.get("ts", 0))) < 2**53 for event in events)


FIELDS = st.fixed_dictionaries(
    {"event": st.sampled_from(["start", "cmd_name", "region_enter", "region_leave", "thread_start", "child_start"])},
    optional={
        "time": st.sampled_from(["2026-11-22T01:00:51Z", "2026-11-22T01:00:50.5Z", "x"]),
        "thread": st.sampled_from(["main", "th01:x"]),
        "child_id": st.integers(0, 3),
        "argv": st.lists(st.text(max_size=3), max_size=3),
        "label": st.text(max_size=3),
        "t_abs": st.floats(allow_nan=False, allow_infinity=False),
    },
)
ENDS = st.fixed_dictionaries(
    {"event": st.sampled_from(["region_leave", "thread_exit", "child_exit", "atexit", "data", "signal", "new"])},
    optional={"time": st.just("2026-11-22T01:00:52Z"), "child_id": st.integers(0, 3), "value": st.text(max_size=3)},
)


@given(st.lists(st.one_of(FIELDS, ENDS), max_size=40))
def test_whatever_comes_children_are_balanced_and_spans_nest(lines: list[dict[str, object]]) -> None:
    events, _ = meant(VERSION + b"".join(json.dumps(each).encode() + b"\n" for each in lines))
    open_now: set[str] = set()
    for event in events:
        if event["ph"] == "b":
            assert str(event["id2"]) not in open_now
            open_now.add(str(event["id2"]))
        elif event["ph"] == "e":
            open_now.remove(str(event["id2"]))
    assert not open_now
    by_row = sorted(of(events, "X"), key=lambda event: str(event["tid"]))
    for _, row in itertools.groupby(by_row, key=lambda event: event["tid"]):
        ends = [(int(str(event["ts"])), int(str(event["ts"])) + int(str(event["dur"]))) for event in row]
        for (start, end), (other_start, other_end) in itertools.combinations(ends, 2):
            assert (
                end <= other_start
                or other_end <= start
                or start <= other_start <= other_end <= end
                or (other_start <= start <= end <= other_end)
            )


def test_a_recorded_connection_is_balanced() -> None:
    data = Path(ROOT / "tests/captures/git-trace2/clone-conn3.jsonl").read_bytes()
    events, refused = meant(data)
    assert refused == []
    assert [event["name"] for event in of(events, "X") if event["cat"] == "git"] == ["git upload-pack"]
    assert len(of(events, "b")) == len(of(events, "e")) == data.count(b'"child_start"')
    assert len(of(events, "X")) == 1 + data.count(b'"region_enter"')
