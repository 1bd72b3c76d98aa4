"""Figures of many runs to one table."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median

from bench.scenarios import Figures


@dataclass(slots=True)
class Results:
    """All figures: for each scenario and daemon those of each run, in order.

    Args:
        names: The daemons; the first is compared with each other one.
    """

    names: list[str]
    runs: dict[str, dict[str, list[Figures]]] = field(default_factory=dict[str, dict[str, list[Figures]]])

    def add(self, scenario: str, name: str, figures: Figures) -> None:
        """Note what one run gave."""
        self.runs.setdefault(scenario, {}).setdefault(name, []).append(figures)

    def table(self) -> str:
        """Markdown: medians, and medians of the ratios within each run."""
        others = self.names[1:]
        header = ["scenario", "figure", *self.names, *(f"{self.names[0]} / {other}" for other in others)]
        lines = [header, ["---", "---", *["---:"] * (len(header) - 2)]]
        for scenario, by_name in self.runs.items():
            figures = dict.fromkeys(figure for runs in by_name.values() for run in runs for figure in run)
            lines.extend([scenario, figure, *self._cells(by_name, figure)] for figure in figures)
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)

    def _cells(self, by_name: dict[str, list[Figures]], figure: str) -> Iterable[str]:
        runs = {name: by_name.get(name, []) for name in self.names}
        for name in self.names:
            values = [run[figure] for run in runs[name] if figure in run]
            yield _shown(median(values)) if values else ""
        ours = runs[self.names[0]]
        for other in self.names[1:]:
            pairs = zip(ours, runs[other], strict=False)
            ratios = [our[figure] / its[figure] for our, its in pairs if figure in our and its.get(figure)]
            yield f"{median(ratios):.2f}" if ratios else ""


def _shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
