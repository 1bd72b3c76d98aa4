"""What `tracerd web` answers of a build, as types; docs/builds.md says what each key is.

Times in `_us` are microseconds on the clock of the trace.
"""

from typing import Literal, TypedDict


class Share(TypedDict):
    """A step, and for how long it ran while fewer ran than could."""

    name: str
    pid: int
    dur_us: float


class AtOnce(TypedDict):
    """How many steps ran at once, and for how long fewer than could, because of which."""

    mean: float
    peak: int
    below_us: float
    below: list[Share]


class SlowStep(TypedDict):
    """Steps of one name together."""

    name: str
    count: int
    dur_us: float
    cpu_s: float | None
    peak_memory_bytes: int | None


class FailedStep(TypedDict):
    """A step that failed."""

    name: str
    pid: int
    cmd: str
    exit_code: int | None
    signal: str | None
    start_us: float


class RepeatedStep(TypedDict):
    """A command that ran several times; `dur_us` is what all but one took."""

    name: str
    cmd: str
    count: int
    dur_us: float


class CriticalStep(TypedDict):
    """A step of the critical path, and the gap before it."""

    name: str
    pid: int
    start_us: float
    dur_us: float
    gap_us: float
    because: str


class BuildProcess(TypedDict):
    """A process; it lies in the last one before it that has a smaller `depth`. One that has not ended has an age."""

    type: Literal["step"]
    name: str
    pid: int
    parent: int | None
    depth: int
    cmd: str | None
    cwd: str | None
    start_us: float
    dur_us: float | None
    self_us: float | None
    cpu_s: float | None
    peak_memory_bytes: int | None
    exit_code: int | None
    signal: str | None
    error: bool
    age_us: float | None


class Build(TypedDict):
    """A build, summed up, with its processes in `tree`."""

    trace_id: str
    name: str
    start_us: float
    wall_us: float
    exit_code: int | None
    signal: str | None
    processes: int
    steps: int
    cpu_s: float | None
    cpus: int | None
    jobs: int | None
    at_once: AtOnce
    slowest: list[SlowStep]
    failed: list[FailedStep]
    again: list[RepeatedStep]
    critical: list[CriticalStep]
    tree: list[BuildProcess]
