"""The names that an expression may use, and what is wrong with others."""

from collections.abc import Iterable, Mapping
from typing import Final

from tracerd.errors import QueryError
from tracerd.query.kinds import BOOL, FLOAT, INT, JSON, NULL, NUMBER, TEXT
from tracerd.query.lexer import MAX_SHOWN, Text, did_you_mean
from tracerd.query.program import Atom, Code
from tracerd.query.tree import Name
from tracerd.rows.columns import Relation, Type, columns_of
from tracerd.text import printable

RELATIONS: Final[Mapping[str, Mapping[str, Type]]] = {
    relation.value: {name: column.type for name, column in columns_of(relation).items()} for relation in Relation
}
"""The types of the columns of each relation."""

KINDS: Final[Mapping[str, int]] = {
    Type.TEXT: TEXT | NULL,
    Type.INT: INT | NULL,
    Type.FLOAT: NUMBER | NULL,
    Type.BOOL: BOOL,
    Type.JSON: JSON | NULL,
    Type.ID: INT | FLOAT | TEXT | NULL,
}
"""The kinds of a column by its type; a float of JSON may be written as an integer."""


class Columns:
    """The columns of a relation; the text is what names are in, for the places of errors."""

    def __init__(self, relation: str, types: Mapping[str, str], text: Text) -> None:
        self._relation = relation
        self._types = types
        self._text = text

    def resolve(self, code: Code, name: Name) -> Atom:
        """The value of a column.

        Raises:
            QueryError: There is none of this name.
        """
        word = ".".join(name.parts)
        if word not in self._types:
            raise unknown(self._text, name, f"no column of {self._relation}", self._types)
        return code.read(word, KINDS[self._types[word]])


def unknown(text: Text, name: Name, what: str, known: Iterable[str]) -> QueryError:
    """The error of a name that is not known."""
    word = ".".join(name.parts)
    hint = did_you_mean(word, known) or f"; a key of args is written args.{name.parts[-1][:MAX_SHOWN]}"
    shown = word if len(word) <= MAX_SHOWN else f"{word[:MAX_SHOWN]}..."
    return text.error(name.at, f'"{printable(shown)}" is {what}{printable(hint)}')
