"""Which events a person wants in a file."""

from dataclasses import dataclass

from tracerd.query.single_events import ARGS_COLUMNS
from tracerd.query.where import Where
from tracerd.rows.columns import NESTING
from tracerd.rows.moment import Moment


@dataclass(frozen=True, slots=True)
class Criteria:
    """The events that are wanted: those that pass every test. A span is tested as a whole, begin and end together.

    Attributes:
        since: What was over before is left out.
        until: What begins then or later is left out.
        where: A condition on `query.single_events.PLAYED_TYPES`.
    """

    since: Moment | None = None
    until: Moment | None = None
    where: Where | None = None

    @property
    def read_errors(self) -> bool:
        """Whether they ask for errors."""
        return self.where is not None and "error" in self.where.columns

    @property
    def read_args(self) -> bool:
        """Whether they ask for args of any key."""
        where = self.where
        return where is not None and (bool(where.paths) or not set(ARGS_COLUMNS).isdisjoint(where.columns))

    @property
    def read_nesting(self) -> bool:
        """Whether they ask in what a span lies, or for what lies in it."""
        return self.where is not None and not set(NESTING).isdisjoint(self.where.columns)

    @property
    def are_none(self) -> bool:
        """Whether every event passes."""
        return self == Criteria()
