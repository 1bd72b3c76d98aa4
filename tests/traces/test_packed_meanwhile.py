"""A log that is packed between the two steps in which a reader opens the trace."""

from pathlib import Path

import pytest

from tests.harness import events
from tests.traces.packing import CLOCK, append, free
from tracerd.store import packed
from tracerd.store.files import open_for_reading
from tracerd.store.packed import packed_path, parts
from tracerd.traces.packing import pack


def test_what_is_packed_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.jsonl"
    first, second = CLOCK % 1 + events(range(50)), CLOCK % 2 + events(range(50, 60))
    for at in range(1, 3):
        path.unlink(missing_ok=True)
        packed_path(path).unlink(missing_ok=True)
        append(path, first)
        assert pack(path, free)
        append(path, second)
        opened: list[Path] = []

        def open_late(file: Path, at: int = at, opened: list[Path] = opened) -> int:
            opened.append(file)
            if len(opened) == at:
                assert pack(path, free)  # which opens both files itself
            return open_for_reading(file)

        monkeypatch.setattr(packed, "open_for_reading", open_late)
        with parts(path) as found:
            assert b"".join(found.blocks()) == first + second
        monkeypatch.undo()


@pytest.mark.parametrize("removed", [False, True])
def test_what_is_packed_twice_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, removed: bool) -> None:
    """The packed part that the reader opens says nothing of the log that it has open."""
    path = tmp_path / "t.jsonl"
    first, second = CLOCK % 1 + events(range(50)), CLOCK % 2 + events(range(50, 60))
    append(path, first)
    opened: list[Path] = []

    def open_late(file: Path) -> int:
        opened.append(file)
        if opened == [path, packed_path(path)]:
            assert pack(path, free)  # which opens both files itself
            if removed:
                packed_path(path).unlink()
            append(path, second)
            assert pack(path, free)
        return open_for_reading(file)

    monkeypatch.setattr(packed, "open_for_reading", open_late)
    with parts(path) as found:
        assert b"".join(found.blocks()) == (second if removed else first + second)
