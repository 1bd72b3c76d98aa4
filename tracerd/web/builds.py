"""The route of a build: what `tracerd exec` has recorded of processes, summed up and as a tree."""

from collections.abc import Mapping
from typing import Final

from tracerd.builds.ninja_files import learn
from tracerd.builds.reader import read_build
from tracerd.builds.summary import Summary, summarize
from tracerd.text import printable
from tracerd.view import summary as view
from tracerd.view.process_tree import ProcessTree, Wish, as_json
from tracerd.web.answers import Refusal
from tracerd.web.routing import Asked, Route


def summary_of(asked: Asked) -> Summary | None:
    """The build of the trace in the path; None if no process of `tracerd exec` is in it.

    Raises:
        Refusal: There is no such trace.
    """
    source = asked.store.source(asked.path["id"])
    build = read_build(asked.work.ticked(source.blocks()), source.now_ns())
    if build is None:
        return None
    learn(build)
    return summarize(build)


def _build(asked: Asked) -> Mapping[str, object]:
    trace_id, summary = asked.path["id"], summary_of(asked)
    if summary is None:
        raise Refusal("NOT_FOUND", f"no process that exec has recorded is in the trace {printable(trace_id)!r}")
    tree = [as_json(step) for step in ProcessTree(summary.build, Wish()).rows]
    return {**view.as_json(summary, trace_id), "tree": tree}


ROUTE: Final = Route(
    "GET",
    "/api/public/traces/{id}/build",
    "A build: what `tracerd summary --json` prints, and in `tree` its processes as `tracerd show --json` prints them.",
    _build,
)

ROUTES: Final = (ROUTE,)
