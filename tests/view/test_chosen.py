"""`--where` and `--by` of `show`, `stats` and `diff`."""

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.commands import invoke
from tests.harness import tracerd
from tests.query.slow import evaluate, is_true, text_of
from tests.query.trees import tree
from tests.view.view_cases import CASES, log
from tracerd.core.own_prefixes import CLOCK_PREFIX
from tracerd.query.tree import Args, Binary, Expr, Literal, Name, children
from tracerd.query.where import compile_where
from tracerd.rows.recording import Recording, read
from tracerd.rows.spans import ERROR, INSTANT
from tracerd.view.chosen import choose
from tracerd.view.groups import collect, key_label
from tracerd.view.span_columns import TYPES
from tracerd.view.tree import SpanRow, Tree

BUILD = """
    M process_name 1/1 0 "args":{"name":"make"}
    M process_name 2/2 0 "args":{"name":"cc"}
    M process_name 3/3 0 "args":{"name":"cc"}
    M thread_name 1/9 0 "args":{"name":"worker"}
    X build 1/1 1000+9000
    X compile 1/1 2000+3000 "cat":"step"
    X inner 1/1 2500+1000
    X link 1/9 6000+500 "args":{"error":true}
    X parse 2/2 2500+2000
    X parse 3/3 2600+4000
    X code 3/3 7000+10
    B lost 2/2 3000
    i bad 1/1 4000 "s":"t","args":{"level":"error"}
"""


DETAILED = """
    M process_name 1/1 0 "args":{"name":"make"}
    X first 1/1 1000+9000 "args":{"file":"a.c","n":{"m":1}}
    B pair 1/1 2000 "args":{"file":"b.c","service":"db","n":{"m":1}}
    E pair 1/1 3000 "args":{"file":"c.c","n":{"k":2}}
    B open 1/1 4000 "args":{"n.m":5}
    b wait 1/1 5000 "id":1,"cat":"net","args":{"file":"d.c"}
    e wait 1/1 6000 "id":1,"cat":"net","args":{"status":404}
"""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    (tmp_path / "b.jsonl").write_bytes(log(BUILD))
    clock = b'"args":{"monotonic_us":0,"boottime_us":0,"realtime_us":1700000000000000}}\n'
    (tmp_path / "d.jsonl").write_bytes(CLOCK_PREFIX + clock + log(DETAILED))
    return tmp_path


def run(store: Path, command: str, *arguments: str, code: int = 0) -> str:
    done = invoke(command, "-d", store, *arguments)
    assert done.returncode == code, done.stderr
    return (done.stderr if code else done.stdout).decode()


def shown(store: Path, *arguments: str) -> list[str]:
    rows: list[dict[str, Any]] = [
        json.loads(line) for line in run(store, "show", "b", "--json", *arguments).split("\n") if line
    ]
    return [str(row.get("name", row.get("process"))) for row in rows]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("true", ["make", "build", "compile", "inner", "bad", "link", "cc", "parse", "lost", "cc", "parse", "code"]),
        ("false", []),
        ('name == "inner"', ["make", "inner"]),
        ('process == "cc" && dur_us > 2000', ["cc", "parse"]),
        ("error", ["make", "bad", "link"]),
        ("dur_us == null", ["make", "bad", "cc", "lost"]),
        ("self_us < dur_us", ["make", "build", "compile"]),
        ("depth == 1", ["make", "compile", "cc", "lost"]),
        ('thread == "worker"', ["make", "link"]),
        ('pid == 3 && tid == 3 && cat == "" && ts_us >= 7000', ["cc", "code"]),
        ('cat == "step"', ["make", "compile"]),
    ],
)
def test_show_has_the_spans_of_a_condition_and_their_processes(where: str, expected: list[str], store: Path) -> None:
    assert shown(store, "--where", where) == expected


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ('args.file == "a.c"', ["first"]),
        ('args.file == "b.c"', []),  # the end says otherwise
        ('args.file == "c.c"', ["pair"]),
        ("args.n.m == 1", ["first"]),  # of a pair, the whole value of a key counts
        ("args.n.m == 5 && args.n.k == null", ["open"]),
        ('args["status"] > 400 && args.file == "d.c"', ["wait"]),
        ("args == null", []),
        ("line == 3 || line == 4", ["first", "pair"]),
        ("parent == 3 && parent != line", ["pair", "open"]),
        ('ph == "B"', ["pair", "open"]),
        ('ph == "b"', ["wait"]),
        ("time >= 1700000000005000", ["wait"]),
        ("time == 1700000000000000 + ts_us", ["first", "pair", "open", "wait"]),
        ('service == "db"', ["pair"]),
        ('service == "make" && trace == "d"', ["first", "open", "wait"]),
        ('trace == "b"', []),
    ],
)
def test_conditions_read_what_only_the_lines_say(where: str, expected: list[str], store: Path) -> None:
    rows = [json.loads(line) for line in run(store, "show", "d", "--json", "--where", where).splitlines()]
    assert [row["name"] for row in rows if row["type"] != "process"] == expected


def test_groups_of_args(store: Path) -> None:
    found = json.loads(run(store, "stats", "d", "--json", "--by", "args.file,service"))
    assert [(group["args.file"], group["service"], group["count"]) for group in found["groups"]] == [
        ("a.c", "make", 1),
        ("c.c", "db", 1),
        ("d.c", "make", 1),
        (None, "make", 0),
    ]
    by_diff = json.loads(run(store, "diff", "d", "d", "--json", "--by", "args.n.m", "--where", "args.n.m == 1"))
    assert [(group["args.n.m"], group["b"]["count"]) for group in by_diff["groups"]] == [("1", 1)]


def test_a_trace_from_stdin_is_read_twice(store: Path) -> None:
    written = (store / "d.jsonl").read_bytes()
    done = tracerd("stats", "-", "--json", "--where", 'args.file == "a.c"', input=written)
    assert (done.returncode, json.loads(done.stdout)["spans"]) == (0, 1)


def test_chosen_spans_keep_their_self_time_and_nest_in_what_is_shown(store: Path) -> None:
    text = run(store, "show", "b", "--json", "--where", 'name == "build" || name == "inner"')
    rows = [json.loads(line) for line in text.splitlines()][1:]

    assert [(row["name"], row["depth"], row["self_us"]) for row in rows] == [("build", 0, 6000), ("inner", 1, 1000)]


def test_other_options_of_show_hold_too(store: Path) -> None:
    assert shown(store, "--where", 'name == "parse"', "--pid", "3") == ["cc", "parse"]
    assert shown(store, "--where", "depth > 0", "--depth", "1") == ["make", "compile", "cc", "lost"]


def stats(store: Path, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(store, "stats", "b", "--json", *arguments))
    return found


def test_stats_count_the_spans_of_a_condition(store: Path) -> None:
    found = stats(store, "--where", 'process == "cc"')

    assert [(group["name"], group["count"], group["unfinished"]) for group in found["groups"]] == [
        ("parse", 2, 0),
        ("code", 1, 0),
        ("lost", 0, 1),
    ]
    assert (found["spans"], found["unfinished"], len(found["processes"])) == (4, 1, 2)
    assert found["at_once"]["spans"]["peak"] == 3


def test_stats_by_any_columns(store: Path) -> None:
    found = stats(store, "--by", "process,name", "--where", 'name == "parse" || name == "build"')

    assert found["by"] == "process,name"
    assert [(group["process"], group["name"], group["count"]) for group in found["groups"]] == [
        ("make", "build", 1),
        ("cc", "parse", 2),
    ]
    assert [group["error"] for group in stats(store, "--by", "error")["groups"]] == [False, True]
    assert "cc|parse" in run(store, "stats", "b", "--by", "process,name")


def test_groups_of_one_column_are_those_of_two_whose_other_is_constant() -> None:
    recording = read([log(BUILD)])
    for by in (("name",), ("cat",), ("pid",)):
        one = {key_label(key): figures.times() for key, figures in collect(recording, by).items()}
        two = {key_label(key): figures.times() for key, figures in collect(recording, (*by, *by)).items()}
        assert {f"{key}|{key}": times for key, times in one.items()} == two
    by_pid = {(key,): figures for key, figures in collect(recording, ("process",)).items()}
    assert by_pid == collect(recording, ("pid",))


def test_diff_compares_the_spans_of_a_condition(store: Path) -> None:
    found = json.loads(run(store, "diff", "b", "b", "--json", "--by", "process,error", "--where", "dur_us < 4000"))

    assert [(group["process,error"], group["a"]["count"]) for group in found["groups"]] == [
        ("make|false", 2),
        ("cc|false", 2),
        ("make|true", 1),
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "b", "--where", "dur > 1"], '--where:1:1: "dur" is no column of spans; did you mean "dur_us"?'),
        (["stats", "b", "--by", "name,threads"], '--by:1:6: "threads" is no column of spans; did you mean "thread"?'),
        (["stats", "b", "--by", "name pid"], '--by:1:6: expected a comma or the end, not "pid"'),
        (["diff", "b", "b", "--where", "("], "--where:1:2: expected a value, not the end of the text"),
    ],
)
def test_a_wrong_text_is_one_line_and_exits_2(arguments: list[str], message: str, store: Path) -> None:
    assert run(store, *arguments, code=2) == f"Error: {message}\n"


def known(node: Expr) -> bool:
    """Whether a tree names only columns that `values_of` gives."""
    if isinstance(node, Args) or (isinstance(node, Name) and node.parts[0] not in ("name", "dur_us", "pid", "error")):
        return False
    return all(map(known, children(node)))


def rows_of(recording: Recording) -> list[SpanRow]:
    return [row for row in Tree(recording).rows() if isinstance(row, SpanRow)]


def values_of(row: SpanRow) -> dict[str | tuple[str, ...], object]:
    return {
        "name": row.name,
        "dur_us": None if row.dur is None or row.is_instant else row.dur / 1000,
        "pid": row.pid,
        "error": row.is_error,
    }


def test_what_is_chosen_is_what_a_walk_of_the_tree_lets_pass() -> None:
    recordings = [read([log(case.events)]) for case in CASES] + [read([log(BUILD)])]
    random = Random(1)
    conditions = [node for node in (tree(random, 3) for _ in range(2000)) if known(node)]
    conditions += [Binary(">", Name(("dur_us",)), Literal(dur)) for dur in (1, 5, 10)]
    kept = 0
    for node in conditions[-200:]:
        where = compile_where(text_of(node), "spans", TYPES)
        for recording in recordings:
            expected = [row for row in rows_of(recording) if is_true(evaluate(node, values_of(row)))]
            got = rows_of(choose(recording, where))
            assert [(row.name, row.start, row.dur, row.self_time) for row in got] == [
                (row.name, row.start, row.dur, row.self_time) for row in expected
            ], text_of(node)
            kept += len(got)
    assert kept > 1000


def test_nothing_is_chosen_without_a_condition() -> None:
    recording = read([log(BUILD)])
    assert choose(recording, None) is recording
    instants = [
        flags for track in choose(recording, compile_where("error", "spans", TYPES)).tracks for flags in track.flags
    ]
    assert sorted(instants) == [ERROR, ERROR | INSTANT]
