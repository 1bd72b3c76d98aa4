"""Expressions: what they mean, and what is said of wrong ones."""

from random import Random

import pytest

from tests.query.slow import evaluate, is_true, text_of
from tests.query.trees import TYPES, mutated, row, tree
from tracerd.errors import QueryError
from tracerd.query.grammar import MAX_DEPTH, parse_expression
from tracerd.query.lexer import MAX_CHARACTERS, Text
from tracerd.query.tree import Args, Binary, Literal, Logic, Name, Unary
from tracerd.query.where import (
    Where,
    all_of,
    compile_where,
    is_of_process,
    is_one_of,
    matches,
    takes_at_least,
)

SIZES = pytest.mark.parametrize(
    "tenths", [pytest.param(1, id="a tenth"), pytest.param(10, id="whole", marks=pytest.mark.long)]
)


def where(text: str) -> Where:
    found = compile_where(text, "spans", TYPES)
    assert found is not None
    return found


def passes(text: str, values: dict[str | tuple[str, ...], object]) -> bool:
    found = where(text)
    return found.passes(*arguments(found, values))


def arguments(found: Where, values: dict[str | tuple[str, ...], object]) -> list[object]:
    return [*map(values.get, found.columns), *map(values.get, found.paths)]


def error_of(text: str) -> str:
    with pytest.raises(QueryError) as caught:
        compile_where(text, "spans", TYPES)
    return str(caught.value)


# ------------------------------------------------------------------ meaning


@SIZES
def test_programs_mean_what_a_walk_of_the_tree_gives(tenths: int) -> None:
    passed = 0
    for seed in range(1000 * tenths):
        random = Random(seed)
        node = tree(random)
        text = text_of(node)
        found = where(text)
        for _ in range(10):
            values = row(random)
            expected = is_true(evaluate(node, values))
            assert found.passes(*arguments(found, values)) is expected, (seed, text, values)
            passed += expected
    assert 2000 * tenths < passed < 8000 * tenths


@SIZES
def test_printed_trees_are_read_back(tenths: int) -> None:
    for seed in range(1000 * tenths):
        node = tree(Random(seed), 6, signals=True)
        assert parse_expression(Text(text_of(node), "test")) == node, seed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("!error == false", True),  # (!error) == false
        ("2 + 3 * 4 == 14", True),
        ("10 - 3 - 2 == 5", True),
        ("1 < 2 == true", True),
        ("true || false && false", True),
        ("-7 % 3 == -1", True),
        ("7 % -3 == 1", True),
        ("-7.5 % 2 == -1.5", True),
        ("7 / 2 == 3.5", True),
        ("1 / 0 == null", True),
        ("1 % 0 == null", True),
        ("9223372036854775807 + 1 == null", True),
        ("-(-9223372036854775808) == null", True),
        ("1e308 * 10 == null", True),
        ("true + 1 == null", True),
        ("null", False),
        ("0", True),  # it is not null
        ('""', True),
        ("true == 1", False),
        ("1 == 1.0", True),
        ("null == null", True),
        ("null < 1", False),
        ('"a" < "b"', True),
        ('"B" < "a"', True),
        ('"10" < 9', False),
        ("true < 2", False),
        ("9007199254740993 == 9007199254740992.0", False),
        ("(if null then 1 else 2) == 2", True),
        ("(if false then 1) == null", True),
        ('name ~ "cc *"', True),
        ('pid ~ "4*"', False),  # a number is no text
        ("// a comment\nerror /* another */ || true", True),
        ('"http://x" != "/* no comment */"', True),
        ("args.a\n == 5", True),
        ('args["a"] == 5', True),
    ],
)
def test_meaning_by_hand(text: str, expected: bool) -> None:
    values: dict[str | tuple[str, ...], object] = {"name": "cc a.c", "error": True, "pid": 42, ("a",): 5}
    assert passes(text, values) is expected


def test_a_branch_that_is_not_taken_is_not_computed() -> None:
    """Else a tracker would count a division by zero that its author has excluded."""
    lines = where("if args.n != 0 then args.a / args.n > 2 else false")
    assert lines.passes(None, None) is False
    assert where("args.n != 0 && args.a / args.n > 2").passes(0, 1) is False


def test_paths_and_columns_are_named() -> None:
    found = where('dur_us > 1 && args.a.b == "x" && args["a key"] != args.a.b && name == ""')

    assert found.columns == ("dur_us", "name")
    assert found.paths == (("a", "b"), ("a key",))


def test_no_condition_is_none() -> None:
    assert compile_where(None, "spans", TYPES) is None


# ------------------------------------------------------------------ short options


def test_short_options_are_conditions() -> None:
    found = compile_where(
        "error",
        "spans",
        TYPES,
        also=[matches("name", ["cc *", "ld"]), is_of_process(["7", "build"]), takes_at_least(5000)],
    )
    assert found is not None
    assert found.columns == ("name", "pid", "dur_us", "error")
    assert found.passes("cc a.c", 7, 5000, True)
    assert found.passes("ld", "7", 5000.5, True)
    assert found.passes("ld", "build", 5000.5, True)
    assert not found.passes("ldx", 7, 5000, True)
    assert not found.passes("ld", 8, 5000, True)
    assert not found.passes("ld", 7, 4999, True)
    assert not found.passes("ld", 7, None, True)
    assert not found.passes("ld", 7, 5000, False)


def test_one_of_some_values() -> None:
    found = compile_where(None, "spans", TYPES, also=[is_one_of("name", ["a", "b"])])
    assert found is not None
    assert [found.passes(name) for name in ("a", "b", "c", None)] == [True, True, False, False]


def test_a_long_list_of_short_options_is_no_deep_tree() -> None:
    found = compile_where(None, "spans", TYPES, also=[is_of_process([str(pid) for pid in range(5000)])])
    assert found is not None
    assert found.passes(4999)
    assert all_of([Literal(True)]) == Literal(True)


# ------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dur > 5", '1:1: "dur" is no column of spans; did you mean "dur_us"?'),
        ("error &&\n  nme == 1", '2:3: "nme" is no column of spans; did you mean "name"?'),
        ("file == 1", '1:1: "file" is no column of spans; a key of args is written args.file'),
        ('name = "x"', '1:6: expected an operator or the end, not "="; did you mean "=="?'),
        ("error and error", '1:7: expected an operator or the end, not "and"; did you mean "&&"?'),
        ("not error", '1:5: expected an operator or the end, not "error"'),
        ("1 < 2 < 3", '1:7: "<" after a comparison: use && or parentheses'),
        ("p95(dur_us)", '1:1: there is no function "p95" in an expression'),
        ("(error\n|| error", '2:9: expected an operator or the ")" of the "(" in line 1, not the end of the text'),
        ("", "1:1: expected a value, not the end of the text"),
        ('"abc', "1:1: this string does not end, or holds a newline or a bad escape"),
        ('"\\x"', "1:1: this string does not end, or holds a newline or a bad escape"),
        ('"\\ud800"', "1:1: this string holds half a surrogate pair, which is no character"),
        ("1 /* 2", "1:3: this comment does not end: */ is missing"),
        ("1e999", '1:1: "1e999" is beyond 64 bits'),
        ("9223372036854775808", '1:1: "9223372036854775808" is beyond 64 bits'),
        ("9" * 5000, f'1:1: "{"9" * 40}..." is beyond 64 bits'),
        ("error ~ 5", '1:7: after "~" comes a pattern in quotes, such as "cc *"'),
        ("args.", '1:6: expected a name, or args["a key"] for one with other characters, not the end of the text'),
        ("args[name]", '1:6: expected a key in quotes, as in args["a key"], not "name"'),
        ("if error the 1", '1:10: expected "then", not "the"; did you mean "then"?'),
        ("signal(1)", '1:8: expected the type of the signal, such as "slow", not "1"'),
        ("\u202e", '1:1: expected a value, not "\\u202e"'),
        ("(" * 1000, "1:51: more than 50 levels in one expression: split it"),
        ("!" * 1000 + "error", "1:51: more than 50 levels in one expression: split it"),
        ("1" + "+1" * 1000 + " == 2", "1:1905: more than 50 levels in one expression: split it"),
    ],
)
def test_errors_have_a_place_and_the_nearest_word(text: str, message: str) -> None:
    assert error_of(text) == f"--where:{message}"


def test_the_limits_of_size_are_reached_and_no_more() -> None:
    assert where("(" * (MAX_DEPTH - 1) + "error" + ")" * (MAX_DEPTH - 1)).passes(True)
    assert where("error" + " && error" * 5000).passes(True)
    assert "longer than 1,000,000 characters" in error_of("error" + " " * MAX_CHARACTERS)


TEXTS = [
    'name == "cc a.c" && dur_us / 1000 > 1.5 || !error',
    'if args.a.b != null then args["a key"] % 7 else -line',
    'signal("x", (1 + 2) * 3) != null || name ~ "a*"',
]


@SIZES
def test_mutated_texts_compile_or_have_an_error_with_a_place(tenths: int) -> None:
    compiled = 0
    for seed in range(10_000 * tenths):
        random = Random(seed)
        text = mutated(random, random.choice(TEXTS))
        try:
            found = where(text)
        except QueryError as error:
            check_place(error, text)
        else:
            compiled += 1
            values = row(random)
            found.passes(*arguments(found, values))
    assert compiled > 100 * tenths


def check_place(error: QueryError, text: str) -> None:
    assert 1 <= error.line <= text.count("\n") + 1, text
    assert 1 <= error.column <= len(text) + 1, text
    assert "\n" not in str(error)


def test_no_text_of_a_user_is_compiled() -> None:
    hostile = 'c0 = __import__("os")\n{}"""\\'
    text = text_of(Binary("==", Args((hostile,)), Literal(hostile)))
    found = where(text)

    assert found.passes(hostile) is True
    code = found.passes.__code__
    assert hostile not in code.co_consts
    assert {*code.co_varnames, *code.co_names, *code.co_freevars} <= {"i0", "c0", "t1"}


def test_trees_that_look_alike_differ() -> None:
    values = [Literal(1), Literal(1.0), Literal(True), Literal("1"), Literal(None)]
    assert len(set(values)) == len(values)
    assert parse_expression(Text("-5", "")) == Literal(-5)
    assert parse_expression(Text("-(5)", "")) == Unary("-", Literal(5))
    assert parse_expression(Text("a || b || c", "")) == Logic("||", tuple(Name((name,)) for name in "abc"))
