"""The summary of a build in ten lines, as Markdown, and as JSON."""

from collections.abc import Iterator

from tracerd.builds.repeated import wasted_ns
from tracerd.builds.steps import Build, Step
from tracerd.builds.summary import Summary, Total
from tracerd.builds.work import work_ns
from tracerd.text import encodable, plural, printable, size_text
from tracerd.view.critical import link_json
from tracerd.view.tables import duration_text, microseconds, shortened

_SLOWEST = 5
_SHOWN = 3
"""How many failed or repeated steps are shown."""

_MANY = 4
"""If so many command lines have one name, it does not tell which step was slow."""

_WAITED = "; enough steps ran, but waited: for busy processors, a disk, a network or a sleep"

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
    yield "slowest", ", ".join(_total(total, summary.steps) for total in summary.slowest[:_SLOWEST])
    yield "failed", _failed(summary.failed)
    yield "again", _again(summary)
    yield "critical path", path_text(summary)
    yield "open it", f"tracerd open {printable(trace_id)}"


def ending_text(build: Build) -> str:
    """How a build ended."""
    if build.root is not None:
        return _ending(build.root)
    if not build.commands:
        return "whose command is not recorded"
    *others, last = build.commands
    after = f" after {plural(len(others), 'other command')}" if others else ""
    if pause := _pause(build):
        after += f", with {duration_text(pause)} between"
    return f"{_name(last.name)} {_ending(last)}{after}"


def _pause(build: Build) -> int:
    """How long, in ns, none of the commands of a trace ran, as between two that exec has added to one trace."""
    pause, until = 0, build.start
    for command in build.commands:
        pause += max(0, command.start - until)
        until = max(until, command.end)
    return pause


def _ending(command: Step) -> str:
    return "not ended" if command.is_open else command.outcome or "ended well"


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
        "trace_id": encodable(trace_id),
        "name": encodable(build.name),
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
                {"name": encodable(step.name), "pid": step.pid, "dur_us": microseconds(share)}
                for step, share in summary.because
            ],
        },
        "slowest": [
            {
                "name": encodable(total.name),
                "count": total.count,
                "dur_us": microseconds(total.work),
                "cpu_s": rounded_s(total.cpu_s),
                "peak_memory_bytes": total.peak_bytes,
            }
            for total in summary.slowest
        ],
        "failed": [
            {"name": encodable(step.name), "pid": step.pid, "cmd": encodable(step.command), "exit_code": step.code}
            | {"signal": step.signal or None, "start_us": microseconds(step.start)}
            for step in summary.failed
        ],
        "again": [
            {"name": encodable(group[0].name), "cmd": encodable(group[0].command), "count": len(group)}
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
    return f"{used}{memory}{_WAITED if summary.has_waited else ''}"


def _parallel(summary: Summary) -> str:
    build, limit = summary.build, summary.limit
    mean = summary.running.mean(build.start, build.end)
    asked = f"of {summary.jobs} asked for" if summary.jobs else f"of {limit} at most"
    text = f"{mean:.1f} steps at once {asked}"
    if not summary.below or not summary.because:
        return text
    steps = ", ".join(f"{_name(step.name)} {duration_text(share)}" for step, share in summary.because[:2])
    return f"{text}; fewer than {limit} for {duration_text(summary.below)}, in which {steps}"


def _total(total: Total, steps: list[Step]) -> str:
    """The steps of one name; of many that did different things also the longest of them."""
    text = f"{_name(total.name)} {duration_text(total.work)}"
    if total.count == 1:
        return text
    named = [step for step in steps if step.name == total.name]
    if len({step.command for step in named}) < _MANY:
        return f"{text} ({total.count} times)"
    longest = max(named, key=work_ns)
    return f"{text} ({total.count} times; pid {longest.pid} {duration_text(total.longest)})"


def _failed(steps: list[Step]) -> str:
    if not steps:
        return "nothing"
    shown = "; ".join(f"{_name(step.title)}: {command_text(step, _MAX_COMMAND)}" for step in steps[:_SHOWN])
    return shown + _more(len(steps))


def _again(summary: Summary) -> str:
    """What took a hundredth of the build in vain; a compiler that is asked for its version again is no news."""
    groups = [group for group in summary.again if wasted_ns(group) * 100 >= summary.wall]
    if not groups:
        return "nothing ran twice"
    named: dict[str, list[list[Step]]] = {}
    for group in groups:
        named.setdefault(group[0].name, []).append(group)
    shown = ", ".join(
        f"{_name(name)} {' + '.join(str(len(group)) for group in same)} times"
        f" ({duration_text(sum(map(wasted_ns, same)))} more)"
        for name, same in [*named.items()][:_SHOWN]
    )
    return shown + _more(len(named))


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


def command_text(step: Step, most: int) -> str:
    """A command line of at most so many characters, cut in its middle: the file that it is about mostly stands last."""
    return shortened(printable(step.command), most)


def _name(name: str) -> str:
    return printable(name)


def _escaped(text: str) -> str:
    for character in "\\|<>*_`[]":
        text = text.replace(character, f"\\{character}")
    return text


def rounded_s(seconds: float | None) -> float | None:
    """Seconds as JSON has them."""
    return None if seconds is None else round(seconds, 6)
