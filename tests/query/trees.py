"""Random trees, rows and texts, each made of a seed."""

from random import Random

from tracerd.query.tree import ARITHMETIC, ORDER, Args, Binary, Expr, If, Literal, Logic, Name, Signal, Unary, Value

TYPES = {
    "name": "text", "dur_us": "float", "pid": "int or text", "error": "bool", "line": "int", "args": "json",
}  # fmt: skip
"""Columns of the rows below."""

PATHS = [("a",), ("b",), ("a key",), ("class",), ('"quoted"\n{}',), ("a", "b"), ("if",)]

NUMBERS: list[int | float] = [
    0, 1, -1, 2, 3, 7, 100, -(2**63), 2**63 - 1, 2**53 + 1, 0.0, -0.0, 0.5, -2.5, 1.0, 1e308, 5e-324, 0.1,
]  # fmt: skip
TEXTS = ["", "a", "b", "cc a.c", "7", "null", "é", "\u2028", 'a"b\\', "*", "[", "{x}", "\n", "c0", "i0"]
BIG = [2**64, -(10**400)]
"""Integers that a log may hold, though no expression can."""


def literal(random: Random) -> Value:
    values: list[Value] = [None, True, False, random.choice(NUMBERS), random.choice(NUMBERS), random.choice(TEXTS)]
    return random.choice(values)


def tree(random: Random, depth: int = 4, *, signals: bool = False) -> Expr:
    """A tree of at most so many levels, of names that the rows have."""
    if depth <= 1 or random.random() < 0.15:
        leaf = random.randrange(3)
        if leaf == 0:
            return Literal(literal(random))
        return Name((random.choice([*TYPES]),)) if leaf == 1 else Args(random.choice(PATHS))

    def part() -> Expr:
        return tree(random, depth - 1, signals=signals)

    match random.randrange(7 if signals else 6):
        case 0:
            return Unary(random.choice("-!"), part())
        case 1:
            return Binary(random.choice(ARITHMETIC), part(), part())
        case 2:
            return Binary(random.choice(ORDER), part(), part())
        case 3:
            if random.random() < 0.2:
                return Binary("~", part(), Literal(random.choice(["*", "a*", "?", "[a-c]*", "cc *.c", "[", *TEXTS])))
            return Binary(random.choice(["==", "!="]), part(), part())
        case 4:
            return Logic(random.choice(["&&", "||"]), tuple(part() for _ in range(random.randint(2, 4))))
        case 5:
            return If(part(), part(), part() if random.random() < 0.7 else None)
        case _:
            return Signal(random.choice(TEXTS), part() if random.random() < 0.5 else None)


def anything(random: Random) -> object:
    """What args may hold."""
    return random.choice(
        [literal(random), literal(random), random.choice(BIG), [1, True, None], {"b": 1}, {"b": 1.0}, {"b": True}, []]
    )


def row(random: Random) -> dict[str | tuple[str, ...], object]:
    """Values of all columns, each of the type that it has, and of all paths."""
    columns: dict[str | tuple[str, ...], object] = {
        "name": random.choice([None, *TEXTS]),
        "dur_us": random.choice([None, *NUMBERS]),
        "pid": random.choice([None, *NUMBERS, *TEXTS]),
        "error": random.choice([True, False]),
        "line": random.choice([1, 7, 2**53 + 1]),
        "args": random.choice([None, {"b": 1}, {}, [True]]),
    }
    return columns | {path: anything(random) for path in PATHS}


_PIECES = [
    "(", ")", "[", "]", "{", "}", '"', "'", "\\", "\n", "\r", "\0", ",", ";", ":", ".", "..", "=", "==", "!", "~", "&",
    "|", "&&", "||", "<", ">=", "+", "-", "*", "/", "%", "//", "/*", "*/", "if", "then", "else", "null", "true", "args",
    "signal", "by", "over", "where", "1", "1e400", "9" * 30, "0x1", "name", "dur_us", "é", "\u202e", "\U0001f600",
    "\ud800", "__import__", "p95", "tracker", "fields", "metrics", "from", "\t", " ",
]  # fmt: skip


def mutated(random: Random, text: str) -> str:
    """The text with a few random changes."""
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(text) + 1)
        match random.randrange(4):
            case 0:
                text = text[:at] + random.choice(_PIECES) + text[at:]
            case 1:
                text = text[:at] + text[at + random.randint(1, 6) :]
            case 2:
                end = random.randrange(len(text) + 1)
                text = text[:at] + text[min(at, end) : max(at, end)] + text[at:]
            case _:
                text = (
                    text[:at] + chr(random.choice([random.randrange(128), random.randrange(0x3000)])) + text[at + 1 :]
                )
    return text[:2000]
