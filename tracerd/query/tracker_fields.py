"""The fields of a tracker: what each must be, strictly, as a check of its default and as code."""

from collections.abc import Callable, Mapping
from typing import Final

from tracerd.query.kinds import MAX_INT, MIN_INT, NULL
from tracerd.query.lexer import Text
from tracerd.query.program import Atom, Code
from tracerd.query.tracker_tree import Field


def is_int(value: object) -> bool:
    """Whether a value is an integer within 64 bits; neither 1.0 nor true is one."""
    return isinstance(value, int) and not isinstance(value, bool) and MIN_INT <= value <= MAX_INT


def is_number(value: object) -> bool:
    """Whether a value is a number; true is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


_TESTS: Final[Mapping[str, Callable[[object], bool]]] = {
    "text": lambda value: isinstance(value, str),
    "int": is_int,
    "float": is_number,
    "bool": lambda value: isinstance(value, bool),
    "duration": is_number,
    "timestamp": is_int,
    "enum": lambda value: isinstance(value, str),
}


def fits(field: Field, value: object) -> bool:
    """Whether a value, not null, is of the type of a field."""
    return _TESTS[field.type](value) and (field.type != "enum" or value in field.choices)


def expected(field: Field) -> str:
    """What a field must be, for a message."""
    return f"one of {', '.join(field.choices)}" if field.type == "enum" else field.type


def check_default(field: Field, text: Text) -> None:
    """Check that the default of a field is of its type.

    Raises:
        QueryError: It is not.
    """
    default = field.default
    if default is None or (default.value is None and field.is_optional):
        return
    if default.value is None or not fits(field, default.value):
        raise text.error(default.at, f'the default of "{field.name}" is not {expected(field)}')


_CODE: Final[Mapping[str, str]] = {
    "text": "{0}.__class__ is str",
    "int": "{0}.__class__ is int and {1} <= {0} <= {2}",
    "float": "{0}.__class__ is int or {0}.__class__ is float",
    "bool": "{0}.__class__ is bool",
    "duration": "{0}.__class__ is int or {0}.__class__ is float",
    "timestamp": "{0}.__class__ is int and {1} <= {0} <= {2}",
    "enum": "{0}.__class__ is str and {0} in {3}",
}


def write_check(code: Code, field: Field, number: int, value: Atom, kinds: int) -> Atom:
    """Write the check of a field, and give the checked value; a row that fails is reported and left out.

    Args:
        code: Where to.
        field: The field.
        number: Its number, by which it is reported.
        value: As it was read.
        kinds: What the checked value may be.
    """
    trace, line = code.read("trace").text, code.read("line").text
    test = _CODE[field.type].format(
        value.text, code.constant(MIN_INT), code.constant(MAX_INT), code.constant(frozenset(field.choices))
    )
    has_default = field.default is not None and field.default.value is not None
    may_be_null = field.is_optional or has_default
    test = f"{value.text} is None or {test}" if may_be_null else test
    code.add(f"if not ({test}):")
    code.add(f" invalid({number}, {trace}, {line}, {value.text})")
    code.add(" continue")
    if has_default and field.default is not None:
        default = code.constant(field.default.value)
        return code.step(f"{default} if {value.text} is None else {value.text}", kinds & ~NULL)
    return Atom(value.text, kinds)
