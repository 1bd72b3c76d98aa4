"""The grammar of a metric: `p95(dur_us) by name, pid over 1m where error`."""

import re
from typing import Final

from tracerd.query.grammar import KEYWORDS, Parser
from tracerd.query.lexer import END, NAME, NEWLINE, NUMBER, OPERATOR, Text, Token, did_you_mean, shown
from tracerd.query.tracker_tree import Metric
from tracerd.query.tree import Args, Expr, Name

FUNCTIONS: Final = ("count", "sum", "min", "max", "avg")
GRAINS: Final = ("second", "minute", "hour", "day", "week", "month", "quarter", "year", "all_time")
_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3600}
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_MAX_SECONDS: Final = 100 * 365 * 86400

_PERCENTILE: Final = re.compile(r"p([0-9]{1,2})(?:\.([0-9]))?")


class MetricParser(Parser):
    """Reads metrics, which are statements.

    Attributes:
        known_next: Words that may also follow the statement that was read.
    """

    def __init__(self, text: Text, *, newlines: bool) -> None:
        super().__init__(text, newlines=newlines)
        self.known_next: list[str] = []

    def metric(self, name: str, at: int) -> Metric:
        """Take a metric, from its function on."""
        function, tenths = self._function()
        opened = self.expect("(")
        target: Expr | None = None
        if not self.is_at(")"):
            target = self.expression()
        elif function != "count":
            raise self.unexpected(f"what to take the {function} of")
        self.close(")", opened)
        by = self._keys() if self.accept("by") else ()
        grain = self._grain() if self.accept("over") else None
        where = self.expression() if self.accept("where") else None
        taken = (bool(by), grain is not None, where is not None)
        self.known_next = [word for at, word in enumerate(("by", "over", "where")) if not any(taken[at:])]
        return Metric(name, function, tenths, target, by, grain, where, at)

    def end_of_statement(self, *closing: str) -> None:
        """Check that a statement ends here, or that a closing bracket comes."""
        known, self.known_next = self.known_next, []
        if self.token.kind in (NEWLINE, END) or self.is_at(";", ",", *closing):
            return
        raise self.unexpected("the end of the line", known)

    def _function(self) -> tuple[str, int]:
        token = self.token
        if token.kind != NAME:
            raise self.unexpected("a function such as count or p95")
        if token.text in FUNCTIONS:
            return self.advance().text, 0
        text = self.joined()
        if match := _PERCENTILE.fullmatch(text):
            tenths = int(match[1]) * 10 + int(match[2] or 0)
            if tenths >= 10:
                return "p", tenths
        if re.fullmatch("p[0-9.]+", text):
            raise self.text.error(token.at, f'there is no percentile "{text[:20]}": they go from p1 to p99.9')
        hint = did_you_mean(token.text, [*FUNCTIONS, "p50", "p95", "p99"])
        raise self.text.error(token.at, f"there is no function {shown(token)}{hint}")

    def joined(self) -> str:
        """Take a name and what touches it of dots, numbers and names, as in `p99.9`."""
        parts = [self.advance()]
        while self.token.at == parts[-1].at + len(parts[-1].text) and (
            self.token.kind in (NAME, NUMBER) or self.is_at(".")
        ):
            parts.append(self.advance())
        return "".join(part.text for part in parts)

    def _keys(self) -> tuple[Name | Args, ...]:
        keys = [self._key()]
        while self.is_at(",") and self.ahead().kind == NAME and not self._begins_statement():
            self.advance()
            keys.append(self._key())
        return tuple(keys)

    def _key(self) -> Name | Args:
        if self.token.text in KEYWORDS:
            raise self.unexpected("the name of a key")
        return self.name()

    def _begins_statement(self) -> bool:
        """Whether `NAME =` follows the comma."""
        after = self.ahead(2)
        return after.kind == OPERATOR and after.text == "="

    def _grain(self) -> str | int:
        token = self.token
        if token.kind == NUMBER:
            return self._duration(self.advance())
        if token.kind != NAME or token.text not in GRAINS:
            raise self.unexpected("a part of time such as hour, day or 30s", GRAINS)
        return _SECONDS.get(self.advance().text, token.text)

    def _duration(self, number: Token) -> int:
        unit = self.token
        touches = unit.at == number.at + len(number.text)
        if unit.kind == NAME and touches and unit.text in _UNITS and number.text.isdigit() and len(number.text) < 11:
            self.advance()
            seconds = int(number.text) * _UNITS[unit.text]
            if 0 < seconds <= _MAX_SECONDS:
                return seconds
        raise self.text.error(number.at, "expected a length such as 30s, 5m, 1h or 7d")
