"""The summary of a build in ten lines, as Markdown, and as JSON."""

from collections.abc import Iterator

from tracerd.builds.repeated import wasted_ns
from tracerd.builds.steps import Build, Step
from tracerd.builds.summary import Summary
from tracerd.text import plural, printable, size_text
from tracerd.view.critical import link_json
from tracerd.view.tables import duration_text, microseconds

_SLOWEST = 5
_SHOWN = 3
"""How many failed or repeated steps are shown."""

_MAX_COMMAND = 120

Fact = tuple[str, str]
"""What a line is about, and the line."""


def facts(summary: Summary, trace_id: str) -> Iterator[Fact]:
    """The lines of a summary.

    Args:
        summary: The build.
        trace_id: Its trace.
    """
    build = summary.build
    counted = f"{plural(len(summary.steps), 'step')}, {plural(len(build.steps), 'process')}"
    yield "wall", f"{duration_text(summary.wall)} for {_name(build.name)}, {ending_text(build)}; {counted}"
    yield "cpu", cpu_text(summary)
    yield "parallel", _parallel(summary)
    yield (
        "slowest",
        ", ".join(
            f"{_name(total.name)} {duration_text(total.work)}" + (f" ({total.count} times)" if total.count > 1 else "")
            for total in summary.slowest[:_SLOWEST]
        ),
    )
    yield "failed", _failed(summary.failed)
    yield "again", _again(summary)
    yield "critical path", path_text(summary)
    yield "open it", f"tracerd open {printable(trace_id)}"


def ending_text(build: Build) -> str:
    """How a build ended."""
    if build.root is None:
        return "whose command is not recorded"
    return "not ended" if build.root.is_open else build.root.outcome or "ended well"


def as_text(summary: Summary, trace_id: str) -> Iterator[str]:
    """Lines for a terminal."""
    for name, text in facts(summary, trace_id):
        yield f"{name + ':':<15}{text}"


def as_markdown(summary: Summary, trace_id: str) -> Iterator[str]:
    """A table for the summary of a CI job."""
    yield f"### {_escaped(_name(summary.build.name))}: {duration_text(summary.wall)}"
    yield ""
    yield "| | |"
    yield "|---|---|"
    for name, text in facts(summary, trace_id):
        yield f"| {name} | {_escaped(text)} |"


def build_json(summary: Summary, trace_id: str) -> dict[str, object]:
    """What JSON has of a whole build."""
    build: Build = summary.build
    return {
        "trace_id": valid(trace_id),
        "name": valid(build.name),
        "start_us": microseconds(build.start),
        "wall_us": microseconds(summary.wall),
        "exit_code": build.root.code if build.root else None,
        "signal": (build.root.signal or None) if build.root else None,
        "processes": len(build.steps),
        "steps": len(summary.steps),
        "cpu_s": rounded_s(summary.cpu_s),
        "cpus": build.cpus,
    }


def as_json(summary: Summary, trace_id: str) -> dict[str, object]:
    """All of it, as docs/builds.md tells."""
    build = summary.build
    return build_json(summary, trace_id) | {
        "jobs": summary.jobs,
        "at_once": {
            "mean": round(summary.running.mean(build.start, build.end), 3),
            "peak": summary.running.peak,
            "below_us": microseconds(summary.below),
            "below": [
                {"name": valid(step.name), "pid": step.pid, "dur_us": microseconds(share)}
                for step, share in summary.because
            ],
        },
        "slowest": [
            {
                "name": valid(total.name),
                "count": total.count,
                "dur_us": microseconds(total.work),
                "cpu_s": rounded_s(total.cpu_s),
                "peak_memory_bytes": total.peak_bytes,
            }
            for total in summary.slowest
        ],
        "failed": [
            {"name": valid(step.name), "pid": step.pid, "cmd": valid(step.command), "exit_code": step.code}
            | {"signal": step.signal or None, "start_us": microseconds(step.start)}
            for step in summary.failed
        ],
        "again": [
            {"name": valid(group[0].name), "cmd": valid(group[0].command), "count": len(group)}
            | {"dur_us": microseconds(wasted_ns(group))}
            for group in summary.again
        ],
        "critical": [link_json(link) for link in summary.path],
    }


def cpu_text(summary: Summary) -> str:
    """Processor time, of that which there was, and memory."""
    if summary.cpu_s is None:
        return "not recorded"
    cpus = summary.build.cpus
    used = f"{summary.cpu_s:,.2f} s"
    if cpus:
        there = cpus * summary.wall / 1e9
        used += f" of {there:,.2f} s on {plural(cpus, 'processor')} ({100 * summary.cpu_s / max(there, 1e-9):.0f} %)"
    peaks = [step.peak_bytes for step in summary.steps if step.peak_bytes is not None]
    memory = f"; {size_text(max(peaks))} of memory at most" if peaks else ""
    return used + memory + ("" if summary.has_step_cpu else "; of single steps it was not recorded")


def _parallel(summary: Summary) -> str:
    build, limit = summary.build, summary.limit
    mean = summary.running.mean(build.start, build.end)
    asked = f"of {summary.jobs} asked for" if summary.jobs else f"of {limit} at most"
    text = f"{mean:.1f} steps at once {asked}"
    if not summary.below or not summary.because:
        return text
    steps = ", ".join(f"{_name(step.name)} {duration_text(share)}" for step, share in summary.because[:2])
    return f"{text}; fewer than {limit} for {duration_text(summary.below)}, in which {steps}"


def _failed(steps: list[Step]) -> str:
    if not steps:
        return "nothing"
    shown = "; ".join(f"{step.outcome}: {_command(step)}" for step in steps[:_SHOWN])
    return shown + _more(len(steps))


def _again(summary: Summary) -> str:
    """What took a hundredth of the build in vain; a compiler that is asked for its version again is no news."""
    groups = [group for group in summary.again if wasted_ns(group) * 100 >= summary.wall]
    if not groups:
        return "nothing ran twice"
    shown = ", ".join(
        f"{_name(group[0].name)} {len(group)} times ({duration_text(wasted_ns(group))} more)"
        for group in groups[:_SHOWN]
    )
    return shown + _more(len(groups))


def path_text(summary: Summary) -> str:
    """The longest steps of the critical path in one line."""
    if not summary.path:
        return "the command alone"
    longest = sorted(summary.path, key=lambda link: -link.step.dur)[:_SLOWEST]
    shown = [link for link in summary.path if link in longest]
    chain = " -> ".join(_name(link.step.name) for link in shown)
    others = len(summary.path) - len(shown)
    took = duration_text(sum(link.step.dur for link in summary.path))
    return f"{chain}{f' and {others} shorter' if others else ''}: {took}"


def _more(count: int) -> str:
    return f"; and {count - _SHOWN} more" if count > _SHOWN else ""


def _command(step: Step) -> str:
    command = printable(step.command)
    return command if len(command) <= _MAX_COMMAND else command[: _MAX_COMMAND - 3] + "..."


def _name(name: str) -> str:
    return printable(name)


def _escaped(text: str) -> str:
    for character in "\\|<>*_`[]":
        text = text.replace(character, f"\\{character}")
    return text


def valid(text: str) -> str:
    """A text as JSON can have it: what is no Unicode is escaped."""
    return text.encode(errors="backslashreplace").decode()


def rounded_s(seconds: float | None) -> float | None:
    """Seconds as JSON has them."""
    return None if seconds is None else round(seconds, 6)
