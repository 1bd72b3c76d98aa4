"""The paths of exports at exit, `EMIT_TEF_AT_EXIT`, of all traces. Pure."""

from collections.abc import Collection, Iterable

from tracerd.core.clients import Client
from tracerd.core.limits import MAX_EXIT_PATHS, MAX_EXIT_PATHS_OF_CLIENT
from tracerd.trace_id import TraceId


class ExitPaths:
    """A set of paths for each trace, also for one that has ended: if it begins again, they are written again."""

    def __init__(self) -> None:
        self._paths: dict[TraceId, dict[str, Client]] = {}  # by path: the client that asked last

    def add(self, trace_id: TraceId, path: str, client: Client) -> str:
        """Remember this path; the reason why not, or an empty text."""
        paths = self._paths.setdefault(trace_id, {})
        if path not in paths:
            if len(paths) >= MAX_EXIT_PATHS:
                return f"the trace has {MAX_EXIT_PATHS} such paths already"
            if client.exit_paths >= MAX_EXIT_PATHS_OF_CLIENT:
                return f"this connection has added {MAX_EXIT_PATHS_OF_CLIENT} such paths already"
            client.exit_paths += 1
        paths[path] = client
        return ""

    def of(self, trace_id: TraceId) -> Iterable[str]:
        """The paths of a trace, in order of asking."""
        return self._paths.get(trace_id, {})

    def any_of(self, traces: Collection[TraceId]) -> bool:
        """Whether one of these traces has a path."""
        return any(trace_id in self._paths for trace_id in traces)

    def forget(self, trace_id: TraceId) -> None:
        """Forget those of a trace whose log was removed, but for those of clients that are here."""
        asked = self._paths.pop(trace_id, {})
        if here := {path: by for path, by in asked.items() if not by.gone}:
            self._paths[trace_id] = here
