"""Views of a tracker: how a metric is shown, as a series over time or as a distribution; checked as strictly as it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from tracerd.query.lexer import Text, did_you_mean
from tracerd.query.tracker_tree import Json, TrackerTree, ViewText

KINDS: Final = ("metric_series", "distribution")
TOTALS: Final = ("metric_total", "distinct_count")


@dataclass(frozen=True, slots=True)
class View:
    """A view.

    Attributes:
        name: The name.
        kind: One of KINDS.
        metrics: The metric behind each name that may be asked for.
        group_by: The field behind each name.
        filters: The field behind each name.
        required: The filters that must be given.
        totals: What each total is, one of TOTALS, and the metric that it is of.
    """

    name: str
    kind: str
    metrics: Mapping[str, str]
    group_by: Mapping[str, str]
    filters: Mapping[str, str]
    required: tuple[str, ...]
    totals: Mapping[str, tuple[str, str]]


class _Checker:
    def __init__(self, tree: TrackerTree, columns: Iterable[str], text: Text) -> None:
        self._metrics = {metric.name: metric for metric in tree.metrics}
        self._fields = {*columns, *(field.name for field in tree.fields), *(derived.name for derived in tree.derived)}
        self._text = text

    def view(self, written: ViewText) -> View:
        parts = self._object(written.value, ("type", "metrics"), ("group_by", "filters", "totals"))
        filters: dict[str, str] = {}
        required: list[str] = []
        for name, value in self._objects(parts.get("filters")).items():
            one = self._object(value, ("field",), ("op", "type", "optional"))
            filters[name] = self._word(one["field"], self._fields, "field")
            if "op" in one:
                self._word(one["op"], ("eq",), "filter")
            if "type" in one:
                self._word(one["type"], ("string",), "type")
            if "optional" not in one or not self._bool(one["optional"]):
                required.append(name)
        return View(
            written.name,
            self._word(parts["type"], KINDS, "type"),
            {name: self._member(value, "metric") for name, value in self._objects(parts["metrics"]).items()},
            {name: self._member(value, "field") for name, value in self._objects(parts.get("group_by")).items()},
            filters,
            tuple(required),
            {name: self._total(value) for name, value in self._objects(parts.get("totals")).items()},
        )

    def _total(self, value: Json) -> tuple[str, str]:
        parts = self._object(value, ("kind", "metric"), ())
        return self._word(parts["kind"], TOTALS, "total"), self._word(parts["metric"], self._metrics, "metric")

    def _member(self, value: Json, key: str) -> str:
        known = self._metrics if key == "metric" else self._fields
        return self._word(self._object(value, (key,), ())[key], known, key)

    def _objects(self, value: Json | None) -> dict[str, Json]:
        if value is None:
            return {}
        if not isinstance(value.value, dict):
            raise self._text.error(value.at, "expected an object")
        return value.value

    def _object(self, value: Json, needed: tuple[str, ...], others: tuple[str, ...]) -> dict[str, Json]:
        found = self._objects(value)
        for key, part in found.items():
            if key not in needed and key not in others:
                hint = did_you_mean(key, (*needed, *others))
                raise self._text.error(part.at, f'there is no "{key[:40]}" here{hint}')
        for key in needed:
            if key not in found:
                raise self._text.error(value.at, f'"{key}" is missing')
        return found

    def _word(self, value: Json, known: Iterable[str], what: str) -> str:
        word = value.value
        if not isinstance(word, str):
            raise self._text.error(value.at, f"expected the name of a {what} in quotes")
        if word not in known:
            raise self._text.error(value.at, f'there is no {what} "{word[:40]}"{did_you_mean(word, known)}')
        return word

    def _bool(self, value: Json) -> bool:
        if not isinstance(value.value, bool):
            raise self._text.error(value.at, "expected true or false")
        return value.value


def check_views(tree: TrackerTree, columns: Iterable[str], text: Text) -> dict[str, View]:
    """The views of a tracker, by name; the columns are those of its relation.

    Raises:
        QueryError: A view names what is not there, or lacks what it needs.
    """
    checker = _Checker(tree, tuple(columns), text)
    return {written.name: checker.view(written) for written in tree.views}
