"""What processes and threads are called, wherever in a trace that stands."""

import msgspec

from tracerd.replay.events import Event, Unset

Id = int | float | str


class _Args(msgspec.Struct):
    name: str


_ARGS = msgspec.json.Decoder(_Args)


class Names:
    """The names that metadata events give."""

    def __init__(self) -> None:
        self._names: dict[tuple[Id | None, Id | None], tuple[int, str]] = {}

    def take(self, event: Event, ts: int) -> None:
        """Take a metadata event: the latest name counts, and of equal times the last, as in Perfetto."""
        if event.name not in ("process_name", "thread_name") or isinstance(event.args, Unset):
            return
        try:
            name = _ARGS.decode(event.args).name
        except (msgspec.DecodeError, RecursionError):
            return
        tid = _known(event.tid) if event.name == "thread_name" else None
        key = (_known(event.pid), tid)
        if name and ts >= self._names.get(key, (ts, ""))[0]:
            self._names[key] = (ts, name)

    def of_process(self, pid: Id | None) -> str:
        """What a process is called; empty without a name."""
        return self._names.get((pid, None), (0, ""))[1]

    def of_thread(self, pid: Id | None, tid: Id | None) -> str:
        """What a thread is called; empty without a name."""
        return "" if tid is None else self._names.get((pid, tid), (0, ""))[1]


def _known(value: int | str | Unset) -> Id | None:
    return None if isinstance(value, Unset) else value
