"""The text of an expression or a tracker to tokens.

One regular expression finds them. A newline is a token only outside parentheses, since it ends a statement there.
"""

import json
import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final, NamedTuple

from tracerd.errors import QueryError
from tracerd.text import printable

MAX_CHARACTERS: Final = 1_000_000
"""A longer text is refused: a tracker of one person has some hundred."""

MAX_SHOWN: Final = 40
"""Characters of a word that a message shows."""

NAME: Final = "name"
NUMBER: Final = "number"
STRING: Final = "string"
OPERATOR: Final = "operator"
NEWLINE: Final = "newline"
END: Final = "end"


class Token(NamedTuple):
    """A word, a number, a string, an operator, a newline, or the end of the text.

    Attributes:
        kind: Which of these; something else that no token begins with is an OPERATOR that the grammar does not know.
        text: As it is written.
        at: Where it begins in the text.
    """

    kind: str
    text: str
    at: int


_TOKEN = re.compile(
    r"""(?P<blank>[ \t\r]+ | //[^\n]* | /\*.*?\*/)
    | (?P<newline>\n)
    | (?P<name>[^\W\d]\w*)
    | (?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)
    | (?P<string>"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")
    | (?P<operator>\|\||&&|==|!=|<=|>=|.)""",
    re.VERBOSE | re.DOTALL,
)


class Text:
    """An expression or a tracker, and its source, a file or an option, so that a fault in it has a place."""

    def __init__(self, text: str, source: str) -> None:
        self.text = text
        self.source = source

    def error(self, at: int, reason: str) -> QueryError:
        """The error of a fault at an index of the text, in one line."""
        before = self.text[:at]
        return QueryError(self.source, before.count("\n") + 1, at - (before.rfind("\n") + 1) + 1, printable(reason))

    def tokens(self, *, newlines: bool) -> list[Token]:
        """All tokens; the last one is the END. Newlines end statements, or are blanks everywhere.

        Raises:
            QueryError: A string or a comment does not end, or the text is too long.
        """
        if len(self.text) > MAX_CHARACTERS:
            raise self.error(MAX_CHARACTERS, f"the text is longer than {MAX_CHARACTERS:,} characters")
        found: list[Token] = []
        outside = 0 if newlines else 1
        depth = outside
        for match in _TOKEN.finditer(self.text):
            kind, text, at = match.lastgroup or "", match[0], match.start()
            if kind == "blank" or (kind == NEWLINE and depth):
                continue
            if kind == STRING:
                self._check_string(text, at)
            elif kind == OPERATOR:
                if text in ("(", "["):
                    depth += 1
                elif text in (")", "]"):
                    depth = max(depth - 1, outside)
                if text == '"':
                    raise self.error(at, "this string does not end, or holds a newline or a bad escape")
                if text == "/" and self.text.startswith("/*", at):
                    raise self.error(at, "this comment does not end: */ is missing")
            found.append(Token(kind, text, at))
        found.append(Token(END, "", len(self.text)))
        return found

    def _check_string(self, text: str, at: int) -> None:
        if "\\u" in text or not text.isascii():
            try:
                string_value(text).encode()
            except UnicodeEncodeError:
                raise self.error(at, "this string holds half a surrogate pair, which is no character") from None


def string_value(text: str) -> str:
    """What a STRING stands for."""
    value: str = json.loads(text)
    return value


def shown(token: Token) -> str:
    """A token as a message names it."""
    if token.kind == END:
        return "the end of the text"
    if token.kind == NEWLINE:
        return "the end of the line"
    text = token.text if len(token.text) <= MAX_SHOWN else f"{token.text[:MAX_SHOWN]}..."
    return printable(text) if token.kind == STRING else f'"{printable(text)}"'


_OTHER_LANGUAGES: Final = {
    "=": "==", "<>": "!=", "and": "&&", "or": "||", "not": "!", "&": "&&", "|": "||", "'": '"', "None": "null",
    "True": "true", "False": "false", "is": "==",
}  # fmt: skip
"""What is written elsewhere for what this language has."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """What to add to a message about an unknown word: the nearest known one; empty if none is near."""
    choices = sorted(set(known))
    other = _OTHER_LANGUAGES.get(word)
    near = [other] if other in choices else get_close_matches(word[:MAX_SHOWN], choices, 1)
    return f"; did you mean {_quoted(near[0])}?" if near else ""


def _quoted(text: str) -> str:
    return text if text == '"' else f'"{text}"'
