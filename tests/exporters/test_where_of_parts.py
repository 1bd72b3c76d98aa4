"""`--where` of `get-tef` means what it means for `show`, `stats` and `diff`."""

from pathlib import Path

import pytest

from tests.commands import invoke
from tests.rows.random_traces import random_log
from tracerd.errors import TracerdError
from tracerd.exporters.criteria import Criteria
from tracerd.exporters.extract import Extract, Wish
from tracerd.exporters.selection import SPAN
from tracerd.query.single_events import PLAYED_TYPES
from tracerd.query.where import Where, compile_where
from tracerd.rows.details import Details
from tracerd.rows.recording import read
from tracerd.rows.source import find_trace
from tracerd.rows.spans import INSTANT
from tracerd.view.chosen import choose

SEEDS = 200

CONDITIONS = [
    "depth == 1",
    "depth > 1",
    "parent == 2",
    "parent != null && parent > 3",
    "self_us > 2",
    "self_us == dur_us",
    'args.level == "error"',
    "args.error != null",
    "args.exit_code == 0",
    "args.a.b != null",
    'args.message == "m"',
    "true",
]


def condition(text: str) -> Where:
    where = compile_where(text, "events", PLAYED_TYPES)
    assert where is not None
    return where


def lines_of_part(log: bytes, text: str, directory: Path) -> list[int]:
    """The lines of the spans that `get-tef` keeps."""
    path = directory / "t.jsonl"
    path.write_bytes(log)
    source = find_trace(directory, str(path))
    snapshot = source.snapshot()
    wish = Wish(Criteria(where=condition(text)))
    try:
        part = Extract(source, snapshot, lambda: source.blocks(snapshot), wish, lambda _: None, lambda: None)
    except TracerdError:  # nothing passes
        return []
    selection = part.selection
    return [at for at, kind in enumerate(selection.kinds) if kind == SPAN and selection.keeps[at]]


def lines_of_views(log: bytes, text: str) -> list[int]:
    """The lines of the spans that `show` keeps."""
    where = condition(text)
    recording = read([log] if log else [], keeps_lines=True)
    recording.details = Details("t", where.inputs, recording.tracks)
    recording.details.read([log] if log else [])
    tracks = choose(recording, where).tracks
    return sorted(
        line for track in tracks for line, flags in zip(track.line, track.flags, strict=True) if not flags & INSTANT
    )


@pytest.mark.parametrize("text", CONDITIONS)
def test_a_part_has_the_spans_that_the_views_show(text: str, tmp_path: Path) -> None:
    found = 0
    for seed in range(SEEDS):
        log = b'{"ph":"M"}\n' + random_log(seed)  # a log, whatever follows
        shown = lines_of_views(log, text)
        on_tracks = lines_of_views(log, "true")  # which async spans without an id are not
        assert [at for at in lines_of_part(log, text, tmp_path) if at in on_tracks] == shown, log
        found += len(shown)
    assert found


def test_the_args_of_an_end_count(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(
        '{"ph":"B","name":"a","pid":1,"tid":1,"ts":1,"args":{"n":1,"m":1}}\n'
        '{"ph":"B","name":"b","pid":1,"tid":1,"ts":2,"args":{"n":2}}\n'
        '{"ph":"E","pid":1,"tid":1,"ts":3,"args":{"n":3}}\n'
        '{"ph":"E","pid":1,"tid":1,"ts":4}\n'
    )

    def names(where: str) -> list[str]:
        done = invoke("get-tef", path, "--where", where)
        return [name for name in ("a", "b") if f'"name":"{name}"' in done.stdout.decode()]

    assert names("args.n == 3") == ["b"]
    assert names("args.n == 1 && args.m == 1") == ["a"]
    assert names("depth == 1 && parent == 1") == ["b"]
    assert names("self_us == 2") == ["a"]
