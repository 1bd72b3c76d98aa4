"""The grammar of a rule: `spike: errors by service over 60s > 10 medium, > 20 high min 5 for 2 clear 2`."""

from typing import Final

from tracerd.query.lexer import NAME, NUMBER, Token
from tracerd.query.metric_grammar import MetricParser
from tracerd.query.tracker_tree import PRESENCE, SEVERITIES, Rule, Threshold
from tracerd.query.tree import Literal

MAX_WINDOW_S: Final = 86400
"""The longest window; a start replays no more than this."""

MAX_WINDOWS: Final = 1000
"""The most windows that `for` and `clear` may ask for."""

MAX_SAMPLES: Final = 1_000_000_000

CLEAR: Final = 2
"""Good windows after which an alert is over, unless the rule says otherwise."""

_NUMBERS: Final = {"min": MAX_SAMPLES, "for": MAX_WINDOWS, "clear": MAX_WINDOWS}


class WatchParser(MetricParser):
    """Reads rules, which are statements."""

    def rule(self, name: str, at: int) -> Rule:
        """Take a rule, from the colon behind its name on."""
        self.expect(":")
        source = self.token
        if source.kind != NAME:
            raise self.unexpected("a metric of this tracker, silence or unfinished")
        self.advance()
        is_metric = source.text not in PRESENCE
        self.expect("by")
        by = self._keys()
        seconds = self._window() if self.is_at("over") else None
        if source.text == "unfinished":
            self._refuse(seconds is not None, source, "is not in windows: leave out over")
        elif seconds is None:
            raise self.unexpected('"over" and the length of a window, such as over 60s', ["over"])
        thresholds = self._thresholds() if is_metric else (Threshold(0, self._severity()),)
        numbers: dict[str, int] = {}
        while is_metric and self.is_at(*_NUMBERS):
            self._take_number(numbers)
        self.known_next = [word for word in _NUMBERS if is_metric and word not in numbers]
        minimum = numbers.get("min")
        return Rule(
            name, source.text, by, seconds, thresholds, minimum, numbers.get("for", 1), numbers.get("clear", CLEAR), at,
            source.at,
        )  # fmt: skip

    def _refuse(self, is_wrong: bool, token: Token, reason: str) -> None:
        if is_wrong:
            raise self.text.error(token.at, f'"{token.text}" {reason}')

    def _window(self) -> int:
        token = self.advance()
        seconds = self._grain()
        if not isinstance(seconds, int) or seconds > MAX_WINDOW_S:
            raise self.text.error(token.at, "a window is between 1s and 1d long")
        return seconds

    def _thresholds(self) -> tuple[Threshold, ...]:
        found = [self._threshold()]
        while self.is_at(",") and self.ahead().text == ">":
            self.advance()
            token = self.token
            found.append(self._threshold())
            before = found[-2]
            rises = SEVERITIES.index(found[-1].severity) > SEVERITIES.index(before.severity)
            if not rises or found[-1].above <= before.above:
                raise self.text.error(token.at, "each threshold is higher, and more severe, than the one before")
        return tuple(found)

    def _threshold(self) -> Threshold:
        self.expect(">")
        token = self.token
        if token.kind != NUMBER and not (self.is_at("-") and self.ahead().kind == NUMBER):
            raise self.unexpected("a number")
        value = self.operand()
        if not isinstance(value, Literal) or not isinstance(value.value, int | float):
            raise self.text.error(token.at, "expected a number")
        return Threshold(value.value, self._severity())

    def _severity(self) -> str:
        if not self.is_at(*SEVERITIES):
            raise self.unexpected("a severity: low, medium, high or critical", SEVERITIES)
        return self.advance().text

    def _take_number(self, numbers: dict[str, int]) -> None:
        word = self.advance()
        self._refuse(word.text in numbers, word, "stands here a second time")
        token = self.token
        most = _NUMBERS[word.text]
        if token.kind != NUMBER or not token.text.isdigit() or len(token.text) > 10 or not 0 < int(token.text) <= most:
            raise self.text.error(token.at, f'after "{word.text}" comes a whole number between 1 and {most:,}')
        numbers[word.text] = int(self.advance().text)
