"""data/clickhouse.sql has the columns of the vocabulary, and null where SQL takes it for possible."""

import re
from pathlib import Path

import pytest

from tracerd.query.sql import NEVER_NULL
from tracerd.rows.columns import Relation, Type, columns_of

DATA = Path(__file__).parents[2] / "data"
TYPES = {
    Type.TEXT: "String", Type.ID: "String", Type.INT: "Int64", Type.FLOAT: "Float64", Type.BOOL: "UInt8",
    Type.JSON: "String",
}  # fmt: skip


def columns_in(table: str) -> dict[str, str]:
    text = (DATA / "clickhouse.sql").read_text()
    found = re.search(rf"CREATE TABLE IF NOT EXISTS {table}\n\((.*?)\n\)", text, re.DOTALL)
    assert found
    lines = [line.strip().rstrip(",") for line in found[1].strip().splitlines()]
    return {name: kind for name, _, kind in (line.partition(" ") for line in lines)}


@pytest.mark.parametrize("relation", Relation)
def test_the_tables_have_the_columns(relation: Relation) -> None:
    found = columns_in("span_versions" if relation is Relation.SPANS else relation.value)
    own = ["log_lines", "exported"] if relation is Relation.SPANS else ["exported"]
    names = list(columns_of(relation))
    assert list(found) == [names[0], "log", *names[1:], *own]
    for name, column in columns_of(relation).items():
        assert TYPES[column.type] in found[name]
        assert ("Nullable" in found[name]) == (name not in NEVER_NULL)


@pytest.mark.parametrize("file", ["clickhouse.sql", "clickhouse-distributed.sql"])
def test_the_view_of_spans_has_the_columns(file: str) -> None:
    found = re.search(r"CREATE VIEW IF NOT EXISTS spans AS\nSELECT (.*?)\nFROM", (DATA / file).read_text(), re.DOTALL)
    assert found
    names = list(columns_of(Relation.SPANS))
    assert re.findall(r"\w+", found[1]) == [names[0], "log", *names[1:]]
