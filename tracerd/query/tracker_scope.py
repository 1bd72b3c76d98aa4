"""The names that the expressions of a tracker may use: its fields, its derived values, and columns."""

from collections.abc import Iterator, Mapping
from typing import Final

from tracerd.errors import QueryError
from tracerd.query.kinds import BOOL, INT, NULL, NUMBER, TEXT
from tracerd.query.lexer import Text, did_you_mean
from tracerd.query.program import Atom, Code
from tracerd.query.scope import KINDS, unknown
from tracerd.query.tracker_tree import Field, TrackerTree
from tracerd.query.tree import Expr, Name, children
from tracerd.rows.columns import EVENT_ID, Input

_FIELD_KINDS: Final[Mapping[str, int]] = {
    "text": TEXT, "int": INT, "float": NUMBER, "bool": BOOL, "duration": NUMBER, "timestamp": INT, "enum": TEXT,
}  # fmt: skip


class TrackerScope:
    """The names of a tracker.

    Attributes:
        defined: The derived values that are computed by now.
        locals: The checked value of each field; empty while rows are chosen, when only columns are known.
    """

    def __init__(self, tree: TrackerTree, types: Mapping[str, str], text: Text) -> None:
        self._tree = tree
        self._types = types
        self._text = text
        self._fields = {field.name: field for field in tree.fields}
        self._derived = {derived.name for derived in tree.derived}
        self.defined: dict[str, Atom] = {}
        self.locals: dict[str, Atom] = {}

    def input_of(self, field: Field) -> Input:
        """Where a field is read from."""
        return field.name if field.name in self._types else (field.name,)

    def field_kinds(self, field: Field) -> int:
        """What a checked value of a field may be."""
        has_default = field.default is not None and field.default.value is not None
        return _FIELD_KINDS[field.type] | (NULL if field.is_optional and not has_default else 0)

    def resolve(self, code: Code, name: Name) -> Atom:
        """The value of a name.

        Raises:
            QueryError: It is not known.
        """
        match name.parts:
            case ("event", "id"):
                return code.read(EVENT_ID, TEXT | NULL)
            case ("event", "ts"):
                time = code.read("time", INT | NULL).text
                return code.step(f"None if {time} is None else {time} // 1000", INT | NULL)
            case ("meta", column) if column in self._types:
                return code.read(column, KINDS[self._types[column]])
            case ("payload", word):
                if word in self._fields or word in self._derived:
                    return self._value(name, word)
            case (word,):
                if word in self._fields or word in self._derived:
                    return self._value(name, word)
                if word in self._types:
                    return code.read(word, KINDS[self._types[word]])
            case _:
                pass
        raise self._unknown(name)

    def _value(self, name: Name, word: str) -> Atom:
        if word in self.defined:
            return self.defined[word]
        if word in self.locals:
            return self.locals[word]
        if word in self._derived:
            raise self._text.error(name.at, f'"{word}" is used before its definition')
        hint = f"write args.{word}" if word not in self._types else f"write meta.{word}"
        raise self._text.error(name.at, f"fields are not known where rows are chosen: {hint}")

    def _unknown(self, name: Name) -> QueryError:
        known = {*self._fields, *self._derived, *self._types}
        if name.parts[0] == "meta" and len(name.parts) == 2:
            hint = did_you_mean(name.parts[1], self._types)
            return self._text.error(name.at, f'"{name.parts[1]}" is no column of {self._tree.relation}{hint}')
        return unknown(self._text, name, "no field, derived value or column", known)


def names_in(expressions: list[Expr]) -> Iterator[str]:
    """The last part of each name in some expressions: those of derived values are among them."""
    rest = expressions
    while rest:
        node = rest.pop()
        if isinstance(node, Name):
            yield node.parts[-1]
        rest.extend(children(node))
