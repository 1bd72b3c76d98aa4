"""The grammar of trackers, by recursive descent.

Statements end at a newline, `;` or `,`. What does not belong is an error: nothing is left out in silence.
"""

import re
from collections.abc import Callable
from typing import Final, TypeVar

from tracerd.query.grammar import KEYWORDS
from tracerd.query.lexer import END, NAME, NEWLINE, NUMBER, STRING, Text, shown, string_value
from tracerd.query.metric_grammar import MetricParser
from tracerd.query.tracker_tree import TYPES, Derived, Field, Json, Metric, Rule, TrackerTree, ViewText
from tracerd.query.tree import Expr, Literal
from tracerd.query.watch_grammar import WatchParser

SECTIONS: Final = ("from", "fields", "derive", "metrics", "alerts", "watch", "views")

_VERSION: Final = re.compile(r"v?([0-9]{1,9})(?:\.([0-9]{1,9}))?(?:\.([0-9]{1,9}))?")
_OTHER_NAMES: Final = {"string": "text", "number": "float", "boolean": "bool"}
_MAX_JSON_DEPTH: Final = 20

Statement = TypeVar("Statement", Field, Derived, Metric, Rule, ViewText)


class TrackerParser(WatchParser):
    """Reads trackers."""

    def only_tracker(self) -> TrackerTree:
        """Take the whole text, which is one tracker."""
        tree = self._tracker()
        if self.token.kind != END:
            raise self.unexpected("nothing after the tracker")
        return tree

    def trackers(self) -> list[TrackerTree]:
        """Take the whole text: one tracker or several, each with a name of its own."""
        found: dict[str, TrackerTree] = {}
        while not found or self.token.kind != END:
            self._skip_separators(newlines_only=True)
            at = self.ahead().at
            tree = self._tracker()
            if tree.name in found:
                raise self.text.error(at, f'a second tracker "{tree.name}"')
            found[tree.name] = tree
        return [*found.values()]

    def _tracker(self) -> TrackerTree:
        self._skip_separators(newlines_only=True)
        self.expect("tracker")
        token = self.advance()
        if token.kind not in (NAME, STRING):
            what = f'expected the name of the tracker, such as "builds", not {shown(token)}'
            raise self.text.error(token.at, what)
        name = string_value(token.text) if token.kind == STRING else token.text
        if not name:
            raise self.text.error(token.at, "the name of the tracker is empty")
        version = (1, 0, 0) if self.is_at("{") or self.token.kind == NEWLINE else self._version()
        self._skip_separators(newlines_only=True)
        self.expect("{")
        tree = self._sections(name, version)
        self._skip_separators(newlines_only=True)
        return tree

    def _version(self) -> tuple[int, int, int]:
        token = self.token
        match = _VERSION.fullmatch(self.joined()) if token.kind in (NAME, NUMBER) else None
        if match is None:
            raise self.text.error(token.at, f"expected a version such as v1 or v1.2.3, not {shown(token)}")
        major, minor, patch = (int(part or 0) for part in match.groups())
        return major, minor, patch

    def _skip_separators(self, *, newlines_only: bool = False) -> None:
        while self.token.kind == NEWLINE or (not newlines_only and self.is_at(";", ",")):
            self.advance()

    # ------------------------------------------------------------------ sections

    def _sections(self, name: str, version: tuple[int, int, int]) -> TrackerTree:
        relation, where, relation_at = "events", None, 0
        fields: tuple[Field, ...] = ()
        derived: tuple[Derived, ...] = ()
        metrics: tuple[Metric, ...] = ()
        alerts: tuple[Derived, ...] = ()
        views: tuple[ViewText, ...] = ()
        rules: tuple[Rule, ...] = ()
        seen: dict[str, int] = {}
        self._skip_separators()
        while not self.accept("}"):
            if not self.is_at(*SECTIONS):
                raise self.unexpected(f"one of {', '.join(SECTIONS)} or the }} of the tracker", SECTIONS)
            token = self.advance()
            if token.text in seen:
                line = self.text.error(seen[token.text], "").line
                raise self.text.error(token.at, f'a second "{token.text}"; the first is in line {line}')
            seen[token.text] = token.at
            match token.text:
                case "from":
                    relation, where, relation_at = self._from()
                case "fields":
                    fields = self._block(self._field, "a field")
                case "derive":
                    derived = self._block(self._derived, "a derived value")
                case "metrics":
                    metrics = self._block(self._metric, "a metric")
                case "alerts":
                    alerts = self._block(self._derived, "an alert")
                case "watch":
                    rules = self._block(self.rule, "a rule")
                case _:
                    views = self._block(self._view, "a view")
            self._skip_separators()
        return TrackerTree(name, version, relation, where, relation_at, fields, derived, metrics, alerts, views, rules)

    def _from(self) -> tuple[str, Expr | None, int]:
        token = self.token
        if token.kind != NAME:
            raise self.unexpected("events, spans, logs or points")
        self.advance()
        where = self.expression() if self.accept("where") else None
        self.known_next = [] if where else ["where"]
        self.end_of_statement("}")
        return token.text, where, token.at

    def _block(self, statement: Callable[[str, int], Statement], what: str) -> tuple[Statement, ...]:
        self._skip_separators(newlines_only=True)
        self.expect("{")
        self._skip_separators()
        found: dict[str, Statement] = {}
        while not self.accept("}"):
            token = self.token
            if token.kind != NAME or token.text in KEYWORDS:
                raise self.unexpected(f"the name of {what} or a }}")
            self.advance()
            if token.text in found:
                line = self.text.error(found[token.text].at, "").line
                raise self.text.error(token.at, f'a second "{token.text}"; the first is in line {line}')
            found[token.text] = statement(token.text, token.at)
            self.end_of_statement("}")
            self._skip_separators()
        return tuple(found.values())

    # ------------------------------------------------------------------ statements

    def _field(self, name: str, at: int) -> Field:
        self.expect(":")
        if not self.is_at(*TYPES):
            raise self.unexpected("a type such as text, int, float or bool", TYPES)
        token = self.advance()
        choices: tuple[str, ...] = ()
        if token.text == "enum":
            choices = self._choices()
        is_optional = self.accept("optional") is not None
        default = self._literal() if self.accept("=") else None
        self.known_next = [] if is_optional or default else ["optional"]
        return Field(name, _OTHER_NAMES.get(token.text, token.text), choices, is_optional, default, at)

    def _choices(self) -> tuple[str, ...]:
        opened = self.expect("(")
        found: list[str] = []
        while True:
            if self.token.kind != STRING:
                raise self.unexpected("a text in quotes")
            found.append(string_value(self.advance().text))
            if not self.accept(","):
                break
        self.close(")", opened)
        return tuple(found)

    def _literal(self) -> Literal:
        token = self.token
        if token.kind == NAME and token.text not in ("true", "false", "null"):
            raise self.text.error(token.at, f"{shown(token)} is no value: quote it if it is a text")
        value = self.operand()
        if not isinstance(value, Literal):
            raise self.text.error(token.at, "a default is a number, a text in quotes, true or false")
        return value

    def _derived(self, name: str, at: int) -> Derived:
        self.expect("=")
        return Derived(name, self.expression(), at)

    def _metric(self, name: str, at: int) -> Metric:
        self.expect("=")
        return self.metric(name, at)

    def _view(self, name: str, at: int) -> ViewText:
        self.expect("=")
        if not self.is_at("{"):
            raise self.unexpected("the { of an object")
        return ViewText(name, self._json(0), at)

    # ------------------------------------------------------------------ JSON

    def _json(self, depth: int) -> Json:
        token = self.token
        if depth > _MAX_JSON_DEPTH:
            raise self.text.error(token.at, f"more than {_MAX_JSON_DEPTH} levels in a view")
        if self.accept("{"):
            return Json(self._members(depth), token.at)
        if self.accept("["):
            return Json(self._items(depth), token.at)
        return Json(self._literal().value, token.at)

    def _members(self, depth: int) -> dict[str, Json]:
        found: dict[str, Json] = {}
        self._skip_separators(newlines_only=True)
        while not self.accept("}"):
            token = self.token
            if token.kind != STRING:
                raise self.unexpected("a key in quotes or a }")
            key = string_value(self.advance().text)
            if key in found:
                raise self.text.error(token.at, f"a second {shown(token)}")
            self.expect(":")
            self._skip_separators(newlines_only=True)
            found[key] = self._json(depth + 1)
            self._skip_separators(newlines_only=True)
            if not self.is_at("}"):
                self.expect(",")
                self._skip_separators(newlines_only=True)
        return found

    def _items(self, depth: int) -> list[Json]:
        found: list[Json] = []
        while not self.accept("]"):
            found.append(self._json(depth + 1))
            if not self.is_at("]"):
                self.expect(",")
        return found


def parse_tracker(text: Text) -> TrackerTree:
    """The tree of a text that is one tracker.

    Raises:
        QueryError: It is none.
    """
    return TrackerParser(text, newlines=True).only_tracker()


def parse_trackers(text: Text) -> list[TrackerTree]:
    """The trees of a text that is one tracker or several.

    Raises:
        QueryError: It is none.
    """
    return TrackerParser(text, newlines=True).trackers()


def parse_metric(text: Text, name: str) -> Metric:
    """The tree of a text that is one metric; newlines are blanks.

    Raises:
        QueryError: It is none.
    """
    parser = MetricParser(text, newlines=False)
    metric = parser.metric(name, 0)
    parser.end_of_statement()
    if parser.token.kind != END:  # a comma or a semicolon, which part the metrics of a tracker
        raise parser.unexpected("the end of the only metric; a tracker may have several")
    return metric
