"""A second meaning of the language, to judge the first: it walks the tree for each row; and trees printed as text."""

import json
import math
from collections.abc import Mapping
from fnmatch import fnmatchcase
from fractions import Fraction
from typing import cast

from tracerd.query.tree import Args, Binary, Expr, If, Literal, Logic, Name, Signal, Unary

Row = Mapping[str | tuple[str, ...], object]


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def evaluate(node: Expr, row: Row) -> object:
    match node:
        case Literal():
            return node.value
        case Name():
            return row[".".join(node.parts)]
        case Args():
            return row[node.path]
        case Unary(operator="!"):
            return not is_true(evaluate(node.operand, row))
        case Unary():
            return arithmetic("-", 0, evaluate(node.operand, row))
        case Binary():
            return binary(node.operator, evaluate(node.left, row), evaluate(node.right, row))
        case Logic(operator="&&"):
            return all(is_true(evaluate(part, row)) for part in node.operands)
        case Logic():
            return any(is_true(evaluate(part, row)) for part in node.operands)
        case If():
            if is_true(evaluate(node.condition, row)):
                return evaluate(node.then, row)
            return None if node.otherwise is None else evaluate(node.otherwise, row)
        case Signal():
            return {"type": node.type, "payload": evaluate(node.payload, row) if node.payload else None}


def is_true(value: object) -> bool:
    return value is True or (value is not None and value is not False)


def binary(operator: str, a: object, b: object) -> object:
    if operator in "+-*/%":
        return arithmetic(operator, a, b)
    if operator == "~":
        return isinstance(a, str) and fnmatchcase(a, str(b))
    if operator == "==":
        return canonical(a) == canonical(b)
    if operator == "!=":
        return canonical(a) != canonical(b)
    if not (is_number(a) and is_number(b)) and not (isinstance(a, str) and isinstance(b, str)):
        return False
    left, right = cast("tuple[int, int]", (a, b))
    order = (left > right) - (left < right)
    return {"<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}[operator]


def canonical(value: object) -> object:
    """Equal values, and no others, have an equal one."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return ("number", Fraction(value))
    if isinstance(value, list):
        return ("list", [canonical(item) for item in cast("list[object]", value)])
    if isinstance(value, dict):
        return ("dict", {key: canonical(item) for key, item in cast("dict[str, object]", value).items()})
    return (type(value).__name__, value)


def arithmetic(operator: str, a: object, b: object) -> object:
    if not is_number(a) or not is_number(b):
        return None
    assert isinstance(a, int | float)
    assert isinstance(b, int | float)
    try:
        if operator == "+":
            result = a + b
        elif operator == "-":
            result = a - b
        elif operator == "*":
            result = a * b
        elif operator == "/":
            result = a / b
        elif isinstance(a, int) and isinstance(b, int):
            result = a - b * (abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1))
        else:
            result = math.fmod(a, b)
    except (ArithmeticError, ValueError):
        return None
    if isinstance(result, int):
        return result if result.bit_length() < 64 or result == -(2**63) else None
    return result if math.isfinite(result) else None


def text_of(node: Expr) -> str:
    """The text of a tree, with parentheses around each part that has parts."""
    match node:
        case Literal():
            return json.dumps(node.value)
        case Name():
            return ".".join(node.parts)
        case Args():
            if len(node.path) == 1:
                return f"args[{json.dumps(node.path[0])}]"
            return ".".join(["args", *node.path])
        case Unary():
            return f"{node.operator}({text_of(node.operand)})"
        case Binary():
            return f"({text_of(node.left)} {node.operator} {text_of(node.right)})"
        case Logic():
            return f"({f' {node.operator} '.join(map(text_of, node.operands))})"
        case If():
            otherwise = f" else {text_of(node.otherwise)}" if node.otherwise else ""
            return f"(if {text_of(node.condition)} then {text_of(node.then)}{otherwise})"
        case Signal():
            payload = f", {text_of(node.payload)}" if node.payload else ""
            return f"signal({json.dumps(node.type)}{payload})"
