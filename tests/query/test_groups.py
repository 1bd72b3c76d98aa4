"""Groups by key, as a program finds them."""

from tracerd.query.groups import NO_KEY, Groups, Key
from tracerd.query.values import Needs


def test_a_program_finds_the_cell_of_each_key_by_its_parts() -> None:
    groups = Groups([None])
    keys = [("a", "x"), ("a", "y"), ("b", "x")]
    cells = [groups.new(key) for key in keys]

    assert [groups.by_part[first][second] for first, second in keys] == cells
    assert [*groups] == keys
    cells[1][0] = 7
    assert [groups.count(key, 0) for key in keys] == [0, 7, 0]


def test_a_key_of_one_part_and_no_key_are_parts_themselves() -> None:
    keys: list[Key] = ["a", NO_KEY]
    for key in keys:
        groups = Groups([Needs(sum=True)])
        cell = groups.new(key)
        assert groups.by_part == {key: cell}


def test_a_group_that_was_dropped_leaves_nothing() -> None:
    groups = Groups([None])
    for key in (("a", "x"), ("a", "y"), ("b", "x")):
        groups.new(key)

    groups.drop(("a", "x"))
    assert list(groups.by_part["a"]) == ["y"]
    groups.drop(("a", "y"))
    assert list(groups.by_part) == ["b"]
    groups.drop(("b", "x"))
    assert (len(groups), groups.by_part) == (0, {})
