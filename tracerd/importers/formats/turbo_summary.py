"""turbo's summary of a run: a span a task. The environment in it is never read."""

from tracerd.importers.fields import fields, nanoseconds, objects, text, without_empty
from tracerd.importers.head import Head
from tracerd.importers.source import Source
from tracerd.importers.timeline import Clock, Timeline
from tracerd.importers.tree import Tree

_MS = 1_000_000


def fits(head: Head) -> bool:
    """Whether a file that begins so is a summary of turbo's."""
    return head.has("turboVersion")


def read(source: Source, timeline: Timeline) -> None:
    """Read a file."""
    timeline.tool = "turbo"
    timeline.clock = Clock.WALL
    timeline.process("", "turbo")
    tree = Tree(timeline)
    for task in objects(fields(source.document("tasks")).get("tasks")):
        execution = fields(task.get("execution"))
        start_ns, end_ns = nanoseconds(execution.get("startTime"), _MS), nanoseconds(execution.get("endTime"), _MS)
        if start_ns is None:
            timeline.left_out["tasks that have not run"] += 1
            continue
        name = text(task.get("taskId")) or text(task.get("task")) or "?"
        args = without_empty(
            command=task.get("command"),
            exit_code=execution.get("exitCode"),
            cache=fields(task.get("cache")).get("status"),
        )
        dur_ns = None if end_ns is None else end_ns - start_ns
        tree.span("", name, None, name, start_ns, dur_ns, args, cat="task", rows="tasks")
    tree.put()
