"""docs/view.md, as far as it is of `show`, `stats` and `diff`: what it shows is what the commands print."""

import json

import pytest

from tests.docs.documents import code, section, tables
from tests.docs.view_docs import GOLDEN, LOGS, VIEW_MD, golden, view_md

TEXT = VIEW_MD.read_text()


def test_commands_print_what_is_shown() -> None:
    assert view_md() == TEXT
    for command in ("show", "stats", "diff"):
        assert f"```console\n$ tracerd {command} ./before.jsonl" in TEXT


@pytest.mark.parametrize("name", GOLDEN)
def test_json_is_the_golden_file(name: str) -> None:
    assert golden(name) == (LOGS / name).read_text()
    assert f"](view/{name})" in TEXT


def keys(heading: str, number: int) -> list[str]:
    """The keys that a table of a section names."""
    return [code(key) for row in tables(section(TEXT, heading))[number] for key in row[0].split(", ")]


def test_keys_of_show_are_documented() -> None:
    rows = [json.loads(line) for line in (LOGS / "show.jsonl").read_text().splitlines()]

    for row in rows:
        assert list(row) == keys("## show", 0 if row["type"] == "process" else 1)
    assert {row["type"] for row in rows} == {"process", "span", "instant"}


FIGURE_KEYS = keys("## stats", 2)[2:]  # without what a group has in common


def test_keys_of_stats_are_documented() -> None:
    stats = json.loads((LOGS / "stats.json").read_text())

    assert list(stats) == [key for key in keys("## stats", 1) if key != "attributes"]  # which this trace has not
    for group in stats["groups"]:
        assert list(group) == ["name", *FIGURE_KEYS]
    for process in stats["processes"]:
        assert ["type", *process] == keys("## show", 0)
    assert list(stats["at_once"]) == keys("## stats", 0)


def test_keys_of_diff_are_documented() -> None:
    diff = json.loads((LOGS / "diff.json").read_text())

    assert list(diff) == keys("## diff", 0)
    for group in diff["groups"]:
        assert list(group) == ["name", "a", "b", "change"]
        for side in (group["a"], group["b"]):
            assert side is None or list(side) == FIGURE_KEYS
        assert [f"{key}_us" for key in group["change"]][1:] == [key for key in FIGURE_KEYS if key.endswith("_us")]
