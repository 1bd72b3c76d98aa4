"""What a tracker is, once it has been read."""

from dataclasses import dataclass, field
from typing import Final

from tracerd.query.tree import Args, At, Expr, Literal, Name, Value

TYPES: Final = ("text", "string", "int", "float", "number", "bool", "boolean", "duration", "timestamp", "enum")
"""The types of fields; `string`, `number` and `boolean` are other names of `text`, `float` and `bool`."""

SEVERITIES: Final = ("low", "medium", "high", "critical")
"""Of an alert, from the least to the most severe."""

PRESENCE: Final = ("silence", "unfinished")
"""What a rule can be of beside a metric: connected processes that write nothing, and gone ones with open spans."""


@dataclass(frozen=True, slots=True)
class Json:
    """A value of a view, and where it stands.

    Attributes:
        value: A text, a number, a bool, None, a list of Json, or a dict of Json.
        at: Where it begins.
    """

    value: "Value | list[Json] | dict[str, Json]"
    at: At


@dataclass(frozen=True, slots=True)
class Field:
    """A value that each event has in its args, or in the column of this name.

    Attributes:
        name: The name.
        type: One of TYPES but for their other names.
        choices: The texts of an enum.
        is_optional: Whether it may be null or missing.
        default: What a null or missing one counts as; None for none.
        at: Where it stands.
    """

    name: str
    type: str
    choices: tuple[str, ...]
    is_optional: bool
    default: Literal | None
    at: At


@dataclass(frozen=True, slots=True)
class Derived:
    """A value that is computed for each event; also an alert."""

    name: str
    value: Expr
    at: At


@dataclass(frozen=True, slots=True)
class Metric:
    """What is counted or measured of all events.

    Attributes:
        name: The name.
        function: `count`, `sum`, `min`, `max`, `avg`, or `p`.
        tenths: Which percentile `p` is, in tenths of a percent.
        target: Of what; None for `count()`.
        by: The keys of its groups.
        grain: Into which parts of time it is cut: a word, or a number of seconds; None for none.
        where: Which events count; None for all.
        at: Where it stands.
    """

    name: str
    function: str
    tenths: int
    target: Expr | None
    by: tuple[Name | Args, ...]
    grain: str | int | None
    where: Expr | None
    at: At


@dataclass(frozen=True, slots=True)
class ViewText:
    """A view, not checked yet."""

    name: str
    value: Json
    at: At


@dataclass(frozen=True, slots=True)
class Threshold:
    """A window with more than this is bad, and how severe that is."""

    above: int | float
    severity: str


@dataclass(frozen=True, slots=True)
class Rule:
    """When to alert.

    Attributes:
        name: The name.
        source: A metric of the tracker, or one of PRESENCE.
        by: The keys; each group has its own alert.
        seconds: The length of a window; None for `unfinished`.
        thresholds: From the least on; of PRESENCE one.
        minimum: Fewer samples make no window bad; None for the usual number.
        bad_windows: So many bad windows in a row fire.
        good_windows: So many good ones in a row resolve.
        at: Where it stands.
        source_at: Where its source stands.
    """

    name: str
    source: str
    by: tuple[Name | Args, ...]
    seconds: int | None
    thresholds: tuple[Threshold, ...]
    minimum: int | None
    bad_windows: int
    good_windows: int
    at: At = field(default=0, compare=False)
    source_at: At = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class TrackerTree:
    """A whole tracker.

    Attributes:
        name: The name.
        version: Major, minor and patch.
        relation: Of which rows it is.
        where: Which of them; None for all.
        relation_at: Where the relation stands.
        fields: In the order of the text, as all that follows.
        derived: The derived values.
        metrics: The metrics.
        alerts: The alerts.
        views: The views.
        rules: The rules of its section `watch`.
    """

    name: str
    version: tuple[int, int, int]
    relation: str
    where: Expr | None
    relation_at: At
    fields: tuple[Field, ...]
    derived: tuple[Derived, ...]
    metrics: tuple[Metric, ...]
    alerts: tuple[Derived, ...]
    views: tuple[ViewText, ...]
    rules: tuple[Rule, ...] = ()
