"""A trace of `--trace` that is there already: exec adds to it, and what reads it takes both commands for one build."""

import os
import time

from tracerd.exec.environment import Environ
from tracerd.exec.programs import write_stderr
from tracerd.trace_id import TraceId

_UNITS = (("days", 86_400), ("hours", 3_600), ("minutes", 60), ("seconds", 1))
_STDERR = 2


def note(trace: TraceId, environ: Environ, *, wanted: bool) -> None:
    """Say so to a person. A script may compare what its commands write, and often joins a trace on purpose.

    A daemon with another directory than that of the environment is not asked: no command waits for an answer.

    Args:
        trace: The trace that is named.
        environ: Says where the logs are.
        wanted: Also if stderr is no terminal, for a summary of the trace follows there.
    """
    if not (wanted or os.isatty(_STDERR)):
        return
    path = os.path.join(_directory({os.fsdecode(name): os.fsdecode(value) for name, value in environ.items()}), trace)
    logs = [log for log in (f"{path}.jsonl", f"{path}.jsonl.gz") if os.path.exists(log)]
    if not logs:
        return
    written = max(os.stat(log).st_mtime for log in logs)
    age = max(0, int(time.time() - written))
    unit, seconds = next(((unit, seconds) for unit, seconds in _UNITS if age >= 2 * seconds), _UNITS[-1])
    ago = f"{age // seconds} {unit} ago" if age > 1 else "just now"
    write_stderr(
        f"tracerd exec: adds to the trace {trace}, last written {ago}; a new name for --trace keeps them apart"
    )


def _directory(environ: dict[str, str]) -> str:
    """Where the logs are, as `tracerd.store.paths` finds it."""
    data = environ.get("XDG_DATA_HOME") or os.path.join(environ.get("HOME", ""), ".local", "share")
    return environ.get("TRACERD_DIR") or os.path.join(data, "tracerd")
