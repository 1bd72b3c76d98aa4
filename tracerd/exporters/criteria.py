"""Which events a person wants in a file."""

from dataclasses import dataclass

from tracerd.query.where import Where
from tracerd.rows.moment import Moment


@dataclass(frozen=True, slots=True)
class Criteria:
    """The events that are wanted: those that pass every test. A span is tested as a whole, begin and end together.

    Attributes:
        since: What was over before is left out.
        until: What begins then or later is left out.
        where: A condition on `rows.event_columns.TYPES`.
    """

    since: Moment | None = None
    until: Moment | None = None
    where: Where | None = None

    @property
    def are_none(self) -> bool:
        """Whether every event passes."""
        return self == Criteria()
