"""Tokens to the tree of an expression: recursive descent with binding powers.

Operators bind as in C. A comparison of a comparison, `a < b < c`, is an error, since it never means what it says.
"""

import math
from collections.abc import Iterable
from typing import Final

from tracerd.errors import QueryError
from tracerd.query.kinds import MAX_INT, MIN_INT
from tracerd.query.lexer import (
    END,
    NAME,
    NUMBER,
    OPERATOR,
    STRING,
    Text,
    Token,
    did_you_mean,
    shown,
    string_value,
)
from tracerd.query.tree import (
    ARITHMETIC,
    EQUALITY,
    ORDER,
    Args,
    Binary,
    Expr,
    If,
    Literal,
    Logic,
    Name,
    Signal,
    Unary,
    children,
)

MAX_DEPTH: Final = 50
"""Levels of an expression: enough for people, and few enough for the compiler of Python."""

_MAX_DIGITS: Final = 19

KEYWORDS: Final = ("if", "then", "else", "true", "false", "null")
_VALUES: Final[dict[str, bool | None]] = {"true": True, "false": False, "null": None}

_LOGIC: Final = {"||": 1, "&&": 2}
_POWERS: Final = {
    **_LOGIC,
    **dict.fromkeys(EQUALITY, 3),
    **dict.fromkeys(ORDER, 4),
    "+": 5, "-": 5, "*": 6, "/": 6, "%": 6,
}  # fmt: skip
"""How tightly each operator binds; the unary ones bind tighter."""


class Parser:
    """Reads expressions from tokens; the grammar of trackers is built on it.

    Attributes:
        token: The next one.
    """

    def __init__(self, text: Text, *, newlines: bool) -> None:
        self.text = text
        self._tokens = text.tokens(newlines=newlines)
        self._index = 0
        self.token = self._tokens[0]
        self._depth = 0

    # ------------------------------------------------------------------ tokens

    def advance(self) -> Token:
        """Take the next token."""
        token = self.token
        if token.kind != END:
            self._index += 1
            self.token = self._tokens[self._index]
        return token

    def ahead(self, count: int = 1) -> Token:
        """The token that comes so many after the next one; at last the END."""
        return self._tokens[min(self._index + count, len(self._tokens) - 1)]

    def is_at(self, *texts: str) -> bool:
        """Whether the next token is one of these words or operators."""
        return self.token.kind in (NAME, OPERATOR) and self.token.text in texts

    def accept(self, *texts: str) -> Token | None:
        """Take the next token if it is one of these words or operators."""
        return self.advance() if self.is_at(*texts) else None

    def expect(self, *texts: str) -> Token:
        """Take one of these words or operators.

        Raises:
            QueryError: Something else comes next.
        """
        if not self.is_at(*texts):
            raise self.unexpected(" or ".join(f'"{text}"' for text in texts), texts)
        return self.advance()

    def unexpected(self, expected: str, known: Iterable[str] = ()) -> QueryError:
        """The error that something else comes next; one of the known words may have been meant."""
        token = self.token
        hint = did_you_mean(token.text, known) if token.kind in (NAME, OPERATOR) else ""
        return self.text.error(token.at, f"expected {expected}, not {shown(token)}{hint}")

    # ------------------------------------------------------------------ expressions

    def expression(self, power: int = 0) -> Expr:
        """Take an expression whose operators bind tighter than a power."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._too_deep(self.token.at)
        left = self.operand()
        while self.token.kind == OPERATOR and _POWERS.get(self.token.text, 0) > power:
            left = self._binary(left, self.advance())
        self._depth -= 1
        if not self._depth:
            self._check_depth(left)
        return left

    def _binary(self, left: Expr, operator: Token) -> Expr:
        power = _POWERS[operator.text]
        if operator.text in _LOGIC:
            operands = [left, self.expression(power)]
            while self.accept(operator.text):
                operands.append(self.expression(power))
            return Logic(operator.text, tuple(operands), operator.at)
        right = self.expression(power)
        if operator.text == "~" and not (isinstance(right, Literal) and isinstance(right.value, str)):
            raise self.text.error(operator.at, 'after "~" comes a pattern in quotes, such as "cc *"')
        if operator.text not in ARITHMETIC and _POWERS.get(self.token.text) == power and self.token.kind == OPERATOR:
            raise self.text.error(self.token.at, f"{shown(self.token)} after a comparison: use && or parentheses")
        return Binary(operator.text, left, right, operator.at)

    def _check_depth(self, tree: Expr) -> None:
        """A long chain is as deep as it is long, and is read without recursion; what follows is not."""
        rest = [(tree, 1)]
        while rest:
            node, depth = rest.pop()
            if depth > MAX_DEPTH:
                raise self._too_deep(node.at)
            rest += [(child, depth + 1) for child in children(node)]

    def _too_deep(self, at: int) -> QueryError:
        return self.text.error(at, f"more than {MAX_DEPTH} levels in one expression: split it")

    def operand(self) -> Expr:
        """Take what stands between two operators."""
        token = self.token
        if token.kind == NUMBER:
            return Literal(self._number(self.advance(), 1), token.at)
        if token.kind == STRING:
            return Literal(string_value(self.advance().text), token.at)
        if token.kind == NAME:
            return self._word()
        if self.accept("("):
            inner = self.expression()
            self.close(")", token)
            return inner
        if self.is_at("-") and self.ahead().kind == NUMBER:
            self.advance()
            return Literal(self._number(self.advance(), -1), token.at)
        if self.is_at("-", "!"):
            return Unary(self.advance().text, self.expression(max(_POWERS.values())), token.at)
        raise self.unexpected("a value", ('"', "!", "("))

    def close(self, text: str, opened: Token) -> None:
        """Take a closing bracket; an error names where it was opened."""
        if not self.accept(text):
            line = self.text.error(opened.at, "").line
            raise self.unexpected(
                f'an operator or the "{text}" of the "{opened.text}" in line {line}', (*_POWERS, text)
            )

    def _number(self, token: Token, sign: int) -> int | float:
        if not token.text.isdigit():
            if math.isfinite(value := sign * float(token.text)):
                return value
        elif len(digits := token.text.lstrip("0") or "0") <= _MAX_DIGITS:
            number = sign * int(digits)
            if MIN_INT <= number <= MAX_INT:
                return number
        raise self.text.error(token.at, f"{shown(token)} is beyond 64 bits")

    def _word(self) -> Expr:
        token = self.token
        if token.text == "if":
            return self._if()
        if token.text in _VALUES:
            return Literal(_VALUES[self.advance().text], token.at)
        if token.text in KEYWORDS:
            raise self.unexpected("a value")
        if self.ahead().text == "(" and self.ahead().kind == OPERATOR:
            return self._call()
        return self.name()

    def _if(self) -> If:
        token = self.expect("if")
        condition = self.expression()
        self.expect("then")
        then = self.expression()
        otherwise = self.expression() if self.accept("else") else None
        return If(condition, then, otherwise, token.at)

    def _call(self) -> Signal:
        token = self.advance()
        if token.text != "signal":
            raise self.text.error(
                token.at, f"there is no function {shown(token)} in an expression{did_you_mean(token.text, ['signal'])}"
            )
        opened = self.expect("(")
        if self.token.kind != STRING:
            raise self.unexpected('the type of the signal, such as "slow"')
        kind = string_value(self.advance().text)
        payload = self.expression() if self.accept(",") else None
        self.close(")", opened)
        return Signal(kind, payload, token.at)

    def name(self) -> Name | Args:
        """Take a name, with dots, or `args["a key"]`."""
        token = self.token
        if token.kind != NAME:
            raise self.unexpected("a name")
        parts = [self.advance().text]
        if token.text == "args" and (opened := self.accept("[")):
            if self.token.kind != STRING:
                raise self.unexpected('a key in quotes, as in args["a key"]')
            key = string_value(self.advance().text)
            self.close("]", opened)
            return Args((key,), token.at)
        while self.accept("."):
            if self.token.kind != NAME:
                raise self.unexpected('a name, or args["a key"] for one with other characters')
            parts.append(self.advance().text)
        if parts[0] == "args" and len(parts) > 1:
            return Args(tuple(parts[1:]), token.at)
        return Name(tuple(parts), token.at)


def parse_expression(text: Text) -> Expr:
    """The tree of a text that is one expression; newlines are blanks.

    Raises:
        QueryError: It is none.
    """
    parser = Parser(text, newlines=False)
    tree = parser.expression()
    if parser.token.kind != END:
        raise parser.unexpected("an operator or the end", _POWERS)
    return tree
