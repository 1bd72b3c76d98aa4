"""docs/design.md: the table of modules is that of the code, which is as small as it says."""

import re
import tomllib
from pathlib import Path

from tests.docs.documents import DESIGN, code, section, tables
from tests.harness import ROOT


def test_design_names_every_module_in_the_rows_of_the_import_contract() -> None:
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
    rows = [set(layer.split(" | ")) for layer in reversed(contract["layers"])]
    [table] = tables(section(DESIGN, "## Modules"))

    got = [{code(row[1]) for row in table if row[0] == str(number)} for number in range(1, len(rows) + 1)]

    assert got == rows
    there = {
        path.stem for path in (ROOT / "tracerd").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert {code(row[1]) for row in table} == there - {"__init__", "__main__"}


SHARED = {"errors", "launcher", "redact", "socket_path", "speedups", "text", "trace_id"}
"""The modules at the top level, which every folder may import."""


def test_design_names_what_each_folder_imports() -> None:
    [table] = tables(section(DESIGN, "## Modules"))
    for _, name, _, may_import in table:
        files = (ROOT / "tracerd" / code(name)).rglob("*.py")
        found = re.findall(r"^ *(?:from|import) tracerd\.(\w+)", "".join(map(Path.read_text, files)), re.MULTILINE)
        if not may_import.startswith("everything"):
            assert set(found) - SHARED - {code(name)} <= set(re.findall("`(.*?)`", may_import)), name


def test_core_store_and_daemon_can_be_read_in_an_afternoon() -> None:
    assert "`core`, `store` and `daemon` together have fewer than 5,000 lines." in DESIGN
    files = [file for folder in ("core", "store", "daemon") for file in (ROOT / "tracerd" / folder).rglob("*.py")]

    assert sum(len(file.read_text().splitlines()) for file in files) < 5000
