"""docs/reliability.md: each row of the tables of what was tried names tests that exist."""

import re
import shlex
from pathlib import Path

import pytest

from tests.docs.documents import code, tables
from tests.harness import ROOT

ROWS = [row for table in tables((ROOT / "docs/reliability.md").read_text()) for row in table if len(row) == 5]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_each_command_runs_a_test(row: list[str]) -> None:
    *files, option, expression = shlex.split(code(row[4]))
    assert option == "-k"
    names = [
        name for file in files for name in re.findall(r"^def (test_\w+)", Path(ROOT, file).read_text(), re.MULTILINE)
    ]
    for word in expression.split(" or "):
        assert any(word in name for name in names), word


def test_every_fault_is_in_the_table() -> None:
    commands = " ".join(row[4] for row in ROWS)
    for file in sorted(Path(__file__).parent.glob("test_*.py")):
        assert file == Path(__file__) or f"tests/faults/{file.name}" in commands
