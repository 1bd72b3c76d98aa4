"""Two builds side by side, for people and for scripts: what `tracerd diff` shows of processes."""

from collections.abc import Iterator

from tracerd.builds.comparison import BuildComparison, Change
from tracerd.builds.summary import Summary, Total
from tracerd.text import encodable, plural, printable
from tracerd.view.build_stats import build_text, total_json
from tracerd.view.critical import link_json
from tracerd.view.diff import WHOLE, Grown, percent_text, rounded
from tracerd.view.summary import build_json, path_text
from tracerd.view.tables import duration_text, more_text, table


class BuildDiff(BuildComparison):
    """Two builds, A before B, as they are printed."""

    def grown(self, limit: float, min_work: int) -> list[Grown]:
        """What is longer in B by more than a part of A.

        Args:
            limit: The part.
            min_work: Do not look at names whose work is shorter in both builds, in ns.
        """
        found = [(WHOLE, self.whole)]
        found += [(change.name, change.part) for change in self.changes if change.size >= min_work]
        return [Grown(name, part) for name, part in found if part is not None and part > limit]

    def as_text(self, ids: tuple[str, str], top: int) -> Iterator[str]:
        """All of it but what has grown, in lines."""
        for letter, trace_id, summary in zip("AB", ids, (self.a, self.b), strict=True):
            whole = f" ({percent_text(self.whole)})" if letter == "B" and self.whole is not None else ""
            yield f"{letter}  {printable(trace_id)}: {build_text(summary)}{whole}"
        yield from _cpu_text(self)
        yield ""
        yield f"steps: {_steps_text(self)}"
        if self.changes:
            yield ""
            yield from table(["step", "A", "B", "change", ""], [_row(change) for change in self.changes[:top]])
            yield from more_text(len(self.changes), top)
        yield ""
        yield f"critical path of A: {path_text(self.a)}"
        yield f"critical path of B: {path_text(self.b)}"

    def as_json(self, ids: tuple[str, str], top: int | None) -> dict[str, object]:
        """All of it but what has grown, as docs/builds.md has it."""
        return {
            "a": _side(self.a, ids[0]),
            "b": _side(self.b, ids[1]),
            "by": "step",
            "groups": [
                {"step": encodable(change.name), "a": _total(change.a), "b": _total(change.b)}
                | {"change": rounded(change.part)}
                for change in self.changes[:top]
            ],
            "new": _names(self.new),
            "gone": _names(self.gone),
            "slower": _names(self.slower),
            "faster": _names(self.faster),
        }


def _steps_text(found: BuildComparison) -> str:
    """How many steps differ, and how: `none is new, none is gone; 2 slower, 1 faster`."""
    facts = [f"{len(found.new) or 'none'} new", f"{len(found.gone) or 'none'} gone"]
    if found.recounted:
        facts.append(f"{plural(len(found.recounted), 'name')} not as often as before")
    return f"{', '.join(facts)}; {len(found.slower) or 'none'} slower, {len(found.faster) or 'none'} faster"


def _cpu_text(found: BuildComparison) -> Iterator[str]:
    """The processor time of both, and whether one of them took longer for it."""
    a, b = found.a.cpu_s, found.b.cpu_s
    if a is None or b is None or found.cpu is None:
        return
    text = f"cpu: {a:,.2f} s -> {b:,.2f} s ({percent_text(found.cpu)})"
    if found.waited:
        text += f"; the steps of {found.waited} waited longer: the machine was busier, or a disk slower"
    yield text


def _row(change: Change) -> list[str]:
    a, b = change.a, change.b
    if a and b:
        times = f" ({a.count} -> {b.count} times)" if a.count != b.count else ""
        sign = "+" if change.growth > 0 else ""
        return [
            change.name + times,
            duration_text(a.work),
            duration_text(b.work),
            f"{sign}{duration_text(change.growth)}",
            percent_text(change.part),
        ]
    return [change.name, duration_text(a.work) if a else "", duration_text(b.work) if b else "", "gone" if a else "new"]


def _names(changes: list[Change]) -> list[str]:
    return [encodable(change.name) for change in changes]


def _side(summary: Summary, trace_id: str) -> dict[str, object]:
    return build_json(summary, trace_id) | {"critical": [link_json(link) for link in summary.path]}


def _total(total: Total | None) -> dict[str, object] | None:
    if total is None:
        return None
    facts = total_json("step", total)
    del facts["step"]
    return facts
