"""Keys of groups: which columns they are of, and how they are written."""

import json
from collections.abc import Mapping, Sequence
from typing import Final

from tracerd.query.grammar import Parser
from tracerd.query.lexer import END, Text
from tracerd.query.program import Code
from tracerd.query.scope import Columns
from tracerd.query.tree import Args, Name
from tracerd.rows.columns import Input

_MAX_TEXTS: Final = 1 << 16


def parse_keys(text: str, relation: str, types: Mapping[str, str], *, source: str = "--by") -> tuple[Input, ...]:
    """The columns, and paths in args, that a text such as `process,args.file` names.

    The relation is what rows with columns of these types are called; an error names the source of the text.

    Raises:
        QueryError: It is no such text, or names a column that is not there.
    """
    whole = Text(text, source)
    parser = Parser(whole, newlines=False)
    names = [parser.name()]
    while parser.accept(","):
        names.append(parser.name())
    if parser.token.kind != END:
        raise parser.unexpected("a comma or the end", (",",))
    code = Code(Columns(relation, types, whole).resolve)
    return tuple(_key(code, name) for name in names)


def _key(code: Code, name: Name | Args) -> Input:
    code.value(name)
    return name.path if isinstance(name, Args) else ".".join(name.parts)


def input_text(what: Input) -> str:
    """A column or a path as a person writes it."""
    return what if isinstance(what, str) else f"args.{'.'.join(what)}"


def key_text(values: Sequence[object]) -> str:
    r"""The text of a key.

    A text is itself and everything else is as in JSON; several parts are joined by `|`, with `|` and `\` in them
    escaped by `\`.
    """
    if len(values) == 1:
        return part_text(values[0])
    return "|".join(part_text(value).replace("\\", "\\\\").replace("|", "\\|") for value in values)


def part_text(value: object) -> str:
    """The text of a key of one part."""
    if value.__class__ is str or value.__class__ is int:
        return str(value)
    return value_text(value)


class IntTexts(dict[int, str]):
    """The text of each integer: the same object each time, whose hash is known."""

    def __missing__(self, value: int) -> str:
        """Make a text; most keys are pids, so of the first it is kept."""
        text = str(value)
        if len(self) < _MAX_TEXTS:
            self[value] = text
        return text


def value_text(value: object) -> str:
    """Compact JSON of a value of a log, with its keys in order."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    except RecursionError:  # deeper than anything that a person reads
        return "..."
