"""The vocabulary is the one that documents and expressions use."""

from tracerd.rows.columns import COLUMNS, Relation, Type, columns_of


def test_each_relation_has_its_columns() -> None:
    common = {"trace", "line", "name", "cat", "pid", "tid", "ts_us", "time", "process", "thread", "service", "args"}
    own = {
        Relation.EVENTS: {"ph", "dur_us", "error"},
        Relation.SPANS: {"ph", "dur_us", "self_us", "depth", "parent", "error"},
        Relation.LOGS: {"error", "level", "message"},
        Relation.POINTS: {"value", "labels"},
    }

    assert {relation: set(columns_of(relation)) for relation in Relation} == {
        relation: common | columns for relation, columns in own.items()
    }


def test_the_unit_of_a_column_is_in_its_name() -> None:
    for column in COLUMNS.values():
        assert not column.name.endswith("_us") or column.type is Type.FLOAT
        assert column.meaning.endswith(".")
