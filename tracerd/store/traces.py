"""The spool: the directory of logs. Find, list and describe them; nothing here writes."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from tracerd.core.counts import Totals
from tracerd.errors import NoSuchTraceError
from tracerd.store.log import read_blocks
from tracerd.store.own_lines import OWN_PREFIXES, decode_clock
from tracerd.store.rejects import Account, read_rejects, rejects_path
from tracerd.trace_id import TraceId

SUFFIX = ".jsonl"
LATEST = "latest"


@dataclass(frozen=True, slots=True)
class LogFile:
    """A log as the directory shows it.

    Attributes:
        path: The `.jsonl` file.
        trace_id: Its name without the suffix; for a file from elsewhere the name may be no valid trace id.
        size: In bytes.
        last_write_s: When it was last written, in seconds of the Unix epoch.
    """

    path: Path
    trace_id: str
    size: int
    last_write_s: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A log as it was at one moment: later lines of it are not part of it.

    Attributes:
        path: The `.jsonl` file, which need not exist.
        trace_id: The trace's name.
        length: Bytes of the log that belong to it.
        account_length: Bytes of the `.rejected` file that belong to it.
        refused: Lines refused that the account does not tell yet.
        missing: Why it may lack some of what clients had written; empty if it does not.
    """

    path: Path
    trace_id: str
    length: int
    account_length: int
    refused: int = 0
    missing: str = ""


def log_path(directory: Path, trace_id: TraceId) -> Path:
    """Where the log of this trace is, or would be."""
    return directory / f"{trace_id}{SUFFIX}"


def snapshot(path: Path, trace_id: str, refused: int = 0, missing: str = "") -> Snapshot:
    """The log as it is now; see `Snapshot` for the arguments."""
    return Snapshot(path, trace_id, log_size(path), log_size(rejects_path(path)), refused, missing)


def log_size(path: Path) -> int:
    """The length of a log or an account; 0 if there is none that can be looked at."""
    try:
        return path.stat().st_size
    except OSError:  # whoever reads it will say why
        return 0


def list_logs(directory: Path) -> list[LogFile]:
    """The logs of a directory, oldest last write first; none if there is no such directory."""
    found = filter(None, (log_at(directory / name) for name in _names(directory)))
    return sorted(found, key=lambda log: (log.last_write_s, log.trace_id))


def log_at(path: Path) -> LogFile | None:
    """The log that is there; None if nothing is there, or something else."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    return _log_file(path, status) if stat.S_ISREG(status.st_mode) else None


def _names(directory: Path) -> list[str]:
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise NoSuchTraceError(f"cannot read the directory {directory}: {error.strerror}") from None
    return [name for name in names if name.endswith(SUFFIX) and not name.startswith(".")]


def _log_file(path: Path, status: os.stat_result) -> LogFile:
    return LogFile(path, path.name.removesuffix(SUFFIX), status.st_size, status.st_mtime)


def find_log(directory: Path, name: str) -> LogFile:
    """The log that a person means: a path, a file name, a trace id, an unambiguous prefix of one, or `latest`.

    Raises:
        NoSuchTraceError: None fits, or more than one.
    """
    if "/" in name:
        path = Path(name).resolve()
        if not path.is_file():
            raise NoSuchTraceError(f"there is no log {name}")
        return _log_file(path, path.stat())
    logs = list_logs(directory)
    if name == LATEST:
        if not logs:
            raise NoSuchTraceError(f"there are no logs in {directory} yet")
        return logs[-1]
    trace_id = name.removesuffix(SUFFIX)
    fitting = [log for log in logs if log.trace_id == trace_id] or [
        log for log in logs if log.trace_id.startswith(name)
    ]
    if not fitting:
        raise NoSuchTraceError(f"no trace {name!r} in {directory}; `tracerd list` shows what is there")
    if len(fitting) > 1:
        some = ", ".join(log.trace_id for log in fitting[:3])
        raise NoSuchTraceError(f"{name!r} fits {len(fitting)} traces ({some} ...); give more of the id")
    return fitting[0]


def totals(log: LogFile) -> Totals:
    """What was counted for a trace: the sums of its account, and the events and refusals that no record covers yet."""
    account = read_rejects(rejects_path(log.path))
    if account.log_bytes > log.size:  # of a log that was removed
        account = Account()
    counted = account.totals
    counted.refused += account.unrecorded
    for start, end in [*account.gaps, (account.log_bytes, log.size)]:
        if start < end:
            counted.stored += _count_events(log.path, start, end - start)
    return counted


def _count_events(path: Path, start: int, length: int) -> int:
    with path.open("rb", buffering=0) as file:
        file.seek(start)
        blocks = read_blocks(file.fileno(), length)
        return sum(block.count(b"\n") - sum(_count_lines(block, prefix) for prefix in OWN_PREFIXES) for block in blocks)


def _count_lines(block: bytes, prefix: bytes) -> int:
    return block.count(b"\n" + prefix) + block.startswith(prefix)


def start_s(log: LogFile) -> float | None:
    """When the trace began, in seconds of the Unix epoch, by the clock line in its first place; None without one."""
    with log.path.open("rb") as file:
        clock = decode_clock(file.readline(4096))
    return clock.realtime_us / 1e6 if clock else None
