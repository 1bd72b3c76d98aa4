"""The tree of an expression to Python.

Strategy: as `dataclasses` does for `__init__`, text is written and compiled, since an interpreter of trees takes ten
times as long for each row. No text of a user enters it: what is read, each step and each constant get a number, and
constants are passed as the values of a tuple. Each step is a statement of its own, so that nothing nests deeply, and
so that the branches of `if`, `&&` and `||` that are not taken are not computed.
"""

import re
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from fnmatch import translate
from functools import lru_cache
from types import CodeType
from typing import Any, Final, NamedTuple, assert_never

from tracerd.query import operators
from tracerd.query.kinds import ANY, BOOL, FLOAT, INT, JSON, NULL, NUMBER, SMALL, TEXT, kind_of
from tracerd.query.tree import ARITHMETIC, MIRRORED, Args, Binary, Expr, If, Literal, Logic, Name, Signal, Unary
from tracerd.rows.columns import Input

_HELPERS: Final[dict[str, Callable[..., object]]] = {
    "add": operators.add,
    "subtract": operators.subtract,
    "multiply": operators.multiply,
    "divide": operators.divide,
    "remainder": operators.remainder,
    "negate": operators.negate,
    "equal": operators.equal,
    "less": operators.less,
    "at_most": operators.at_most,
    "truth": operators.truth,
}
_LIMITS: Final = {"LOWEST": operators.LOWEST, "LARGEST": operators.LARGEST, "SMALL": SMALL}

_NO_NAMES: Final[Mapping[str, object]] = {}
_ARITHMETIC: Final[dict[str, str]] = dict(
    zip(ARITHMETIC, ("add", "subtract", "multiply", "divide", "remainder"), strict=True)
)


class Atom(NamedTuple):
    """A step that is done.

    Attributes:
        text: The local that holds the value.
        kinds: What it may be.
        is_typed: Whether its author has declared that, or a column has; a sum of integers is then an integer, and of
            floats a float, whatever comes.
    """

    text: str
    kinds: int
    is_typed: bool = True


class Code:
    """Statements of a function, as they are written.

    Args:
        resolve: What a name stands for; it raises QueryError for one that is not known.
        indent: Blanks before each statement.

    Attributes:
        inputs: What the statements read, and the local of each.
        lines: The statements.
    """

    def __init__(self, resolve: Callable[["Code", Name], Atom], indent: int = 8) -> None:
        self.inputs: dict[Input, str] = {}
        self.lines: list[str] = []
        self._resolve = resolve
        self._constants: list[object] = []
        self._steps = 0
        self._indent = " " * indent
        self.on_null = ""
        """A statement for arithmetic without a result; nothing if it is empty."""

    # ------------------------------------------------------------------ pieces

    def read(self, what: Input, kinds: int = ANY) -> Atom:
        """The local of a column or a path."""
        return Atom(self.inputs.setdefault(what, f"i{len(self.inputs)}"), kinds, isinstance(what, str))

    def constant(self, value: object) -> str:
        """The name of a constant."""
        self._constants.append(value)
        return f"c{len(self._constants) - 1}"

    def add(self, line: str) -> None:
        """Write a statement."""
        self.lines.append(f"{self._indent}{line}")

    def step(self, text: str, kinds: int, *, is_typed: bool = True) -> Atom:
        """Write a statement that keeps a value."""
        self._steps += 1
        self.add(f"t{self._steps} = {text}")
        return Atom(f"t{self._steps}", kinds, is_typed)

    @contextmanager
    def block(self, head: str) -> Generator[None]:
        """Write the statements that follow below a head such as `if x:`."""
        self.add(head)
        self._indent += " "
        yield
        self._indent = self._indent[:-1]

    def compiled(
        self, parameters: list[str], body: list[str], names: Mapping[str, object] = _NO_NAMES
    ) -> Callable[..., Any]:
        """The function of these lines.

        Args:
            parameters: Names of its parameters.
            body: Its lines, indented; what it returns is what they say.
            names: Other names that they use.
        """
        constants = "".join(f"c{number}, " for number in range(len(self._constants)))
        lines = ["def make(constants):", *([f"    {constants}= constants"] if constants else [])]
        lines += [f"    def run({', '.join(parameters)}):", *body, "    return run"]
        namespace: dict[str, Any] = {**_HELPERS, **_LIMITS, **names}
        exec(_code("\n".join(lines)), namespace)  # noqa: S102  no text of a user is in it
        make = namespace["make"]
        run: Callable[..., Any] = make(tuple(self._constants))
        return run

    # ------------------------------------------------------------------ expressions

    def value(self, node: Expr) -> Atom:
        """Write the steps of an expression, and give its value."""
        match node:
            case Literal():
                return Atom(self.constant(node.value), kind_of(node.value))
            case Name():
                return self._resolve(self, node)
            case Args():
                return self.read(node.path)
            case Unary(operator="-"):
                return self._arithmetic(node)
            case Binary() if node.operator in ARITHMETIC:
                return self._arithmetic(node)
            case Binary() | Logic() | Unary():
                return self.step(self.condition(node), BOOL)
            case If():
                return self._if(node)
            case Signal():
                payload = self.value(node.payload).text if node.payload else "None"
                return self.step(f'{{"payload": {payload}, "type": {self.constant(node.type)}}}', JSON)
            case _:
                assert_never(node)

    def _arithmetic(self, node: Unary | Binary, *, is_inner: bool = False) -> Atom:
        """Of a chain only the outermost result is looked at: it is null if any before it is."""
        parts = (node.operand,) if isinstance(node, Unary) else (node.left, node.right)
        values: list[Atom] = []
        for part in parts:
            is_chain = (isinstance(part, Unary) and part.operator == "-") or (
                isinstance(part, Binary) and part.operator in ARITHMETIC
            )
            if is_chain and isinstance(part, Unary | Binary):
                values.append(self._arithmetic(part, is_inner=True))
            else:
                values.append(self.value(part))
        function = "negate" if isinstance(node, Unary) else _ARITHMETIC[node.operator]
        texts = ", ".join(value.text for value in values)
        kinds = _result_kinds(function, [value.kinds for value in values])
        call = f"{function}({texts})"
        if isinstance(node, Binary):
            call = self._shorter(node, values[0], values[1], call)
        result = self.step(call, kinds, is_typed=all(value.is_typed for value in values))
        if self.on_null and not is_inner:
            self.add(f"if {result.text} is None: {self.on_null}")
        return result

    def _shorter(self, node: Binary, left: Atom, right: Atom, call: str) -> str:
        """The same without a call, where a double or null is on the left and a constant on the right."""
        number = node.right.value if isinstance(node.right, Literal) else None
        if not isinstance(number, int | float) or isinstance(number, bool) or not left.kinds & FLOAT:
            return call
        plain = f"{left.text} {node.operator} {right.text}"
        is_plain = f"{left.text}.__class__ is float"
        if node.operator == "/" and abs(number) >= 1:  # such a quotient is no larger
            fast = plain
            is_plain += f" or {left.text}.__class__ is int and -SMALL < {left.text} < SMALL"
        elif node.operator in "+-*" and abs(number) < SMALL:
            self._steps += 1
            name = f"t{self._steps}"
            fast = f"({name} if LOWEST <= ({name} := {plain}) <= LARGEST else None)"
        else:
            return call
        slow = f"None if {left.text} is None else {call}" if left.kinds & NULL else call
        return f"{fast} if {is_plain} else {slow}"

    def _if(self, node: If) -> Atom:
        self._steps += 1
        result = f"t{self._steps}"
        with self.block(f"if {self.condition(node.condition)}:"):
            then = self.value(node.then)
            self.add(f"{result} = {then.text}")
        with self.block("else:"):
            otherwise = self.value(node.otherwise or Literal(None))
            self.add(f"{result} = {otherwise.text}")
        return Atom(result, then.kinds | otherwise.kinds, then.is_typed and otherwise.is_typed)

    def condition(self, node: Expr) -> str:
        """Write the steps of an expression, and give an expression of Python that is true if its value is."""
        match node:
            case Unary(operator="!"):
                return f"(not {self.condition(node.operand)})"
            case Logic():
                return self._logic(node)
            case Binary() if node.operator not in ARITHMETIC:
                left = self.value(node.left)
                if node.operator == "~":
                    assert isinstance(node.right, Literal)  # noqa: S101  the grammar has seen to it
                    return f"({self._glob(left, str(node.right.value))})"
                return f"({_comparison(node.operator, left, self.value(node.right))})"
            case _:
                value = self.value(node)
                if value.kinds == BOOL:
                    return value.text
                return f"({value.text} is not None)" if not value.kinds & BOOL else f"truth({value.text})"

    def _logic(self, node: Logic) -> str:
        word = "and" if node.operator == "&&" else "or"
        text = self.condition(node.operands[0])
        for operand in node.operands[1:]:
            before = len(self.lines)
            self._indent += " "
            other = self.condition(operand)
            self._indent = self._indent[:-1]
            if len(self.lines) == before:
                text += f" {word} {other}"
                continue
            steps, self.lines = self.lines[before:], self.lines[:before]
            result = self.step(text, BOOL).text
            self.add(f"if {result}:" if word == "and" else f"if not {result}:")
            self.lines += [*steps, f"{self._indent} {result} = {other}"]
            text = result
        return f"({text})"

    def _glob(self, value: Atom, pattern: str) -> str:
        matches = f"{self.constant(re.compile(translate(pattern)).match)}({value.text}) is not None"
        return matches if value.kinds == TEXT else f"{value.text}.__class__ is str and {matches}"


@lru_cache(maxsize=64)
def _code(text: str) -> CodeType:
    """A program, compiled; who watches many traces has the same one for each."""
    return compile(text, "<query>", "exec")


def _result_kinds(function: str, kinds: list[int]) -> int:
    if not all(kind & NUMBER for kind in kinds):
        return NULL
    if function == "divide":
        return NULL | FLOAT
    may_be_int = INT if all(kind & INT for kind in kinds) else 0
    may_be_float = FLOAT if any(kind & FLOAT for kind in kinds) else 0
    return NULL | may_be_int | may_be_float


def _comparison(operator: str, a: Atom, b: Atom) -> str:
    if operator == "!=":
        return f"not ({_comparison('==', a, b)})"
    if operator == "==":
        return _equality(a, b)
    if operator in MIRRORED:
        operator, a, b = MIRRORED[operator], b, a
    plain = f"{a.text} {operator} {b.text}"
    for kind in (NUMBER, TEXT):
        if not (a.kinds | b.kinds) & ~(kind | NULL):
            checks = [f"{atom.text} is not None" for atom in (a, b) if atom.kinds & NULL]
            return " and ".join([*checks, plain])
    helper = "less" if operator == "<" else "at_most"
    return f"{helper}({a.text}, {b.text})"


def _equality(a: Atom, b: Atom) -> str:
    """Python's own, unless it would take true for 1, or look into objects."""
    both = a.kinds | b.kinds
    if both == NULL:
        return "True"
    if NULL in (a.kinds, b.kinds):
        return f"{(a if b.kinds == NULL else b).text} is None"
    is_plain = not both & JSON and not (both & BOOL and both & NUMBER)
    is_text = any(not atom.kinds & ~(TEXT | NULL) for atom in (a, b))
    return f"{a.text} == {b.text}" if is_plain or is_text else f"equal({a.text}, {b.text})"
