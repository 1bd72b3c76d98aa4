"""A log as a build writes it: processes in turns, nested spans, most of them written when they are over."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

PROCESSES = 40
SHARES = {"X": 0.8, "BE": 0.2}
"""Of the spans; beside them there is an instant or a counter for each ten."""

_X = b'{"ph":"X","name":"%s","cat":"%s","pid":%d,"tid":%d,"ts":%d.%03d,"dur":%d.%03d,"args":{"target":"lib/%d.o"}}\n'
_B = b'{"ph":"B","name":"%s","cat":"%s","pid":%d,"tid":%d,"ts":%d.%03d}\n'
_E = b'{"ph":"E","pid":%d,"tid":%d,"ts":%d.%03d}\n'
_I = b'{"ph":"i","s":"t","cat":"log","name":"progress","pid":%d,"tid":%d,"ts":%d.%03d,"args":{"level":"%s"}}\n'
_C = b'{"ph":"C","name":"memory","pid":%d,"tid":%d,"ts":%d.%03d,"args":{"rss":%d}}\n'
_M = b'{"ph":"M","name":"process_name","pid":%d,"args":{"name":"cc %d"}}\n'

NAMES = [b"compile %d.c" % number for number in range(40)] + [b"parse", b"codegen", b"optimise", b"link"]
CATS = [b"cc", b"ld", b"io"]


def write(file: BinaryIO, spans: int) -> None:
    """Write a log of so many spans."""
    rng = random.Random(1)
    clocks = [36 * 10**12 + 1000 * at for at in range(PROCESSES)]
    file.writelines(_M % (4000 + number, number) for number in range(PROCESSES))
    written = 0
    while written < spans:
        number = rng.randrange(PROCESSES)
        pid = 4000 + number
        tid = pid + rng.randrange(2) * 1000
        for line, count, ns in _group(rng, pid, tid, clocks[number]):
            file.write(line)
            written += count
            clocks[number] = ns


def _group(rng: random.Random, pid: int, tid: int, ns: int) -> Iterator[tuple[bytes, int, int]]:
    """A span with others in it: lines, how many spans each ends, and the time at the end."""
    start = ns
    ns += rng.randrange(10_000)
    for _ in range(rng.randrange(1, 9)):
        dur = rng.randrange(1, 400_000)
        name, cat = rng.choice(NAMES), rng.choice(CATS)
        if rng.random() < SHARES["X"]:
            yield _X % (name, cat, pid, tid, *divmod(ns, 1000), *divmod(dur, 1000), rng.randrange(10**6)), 1, ns
        else:
            yield _B % (name, cat, pid, tid, *divmod(ns, 1000)), 0, ns
            yield _E % (pid, tid, *divmod(ns + dur, 1000)), 1, ns
        ns += dur + rng.randrange(10_000)
    if rng.random() < 0.5:
        level = b"error" if rng.random() < 0.01 else b"info"
        line = (
            _I % (pid, tid, *divmod(ns, 1000), level) if rng.random() < 0.5 else _C % (pid, tid, *divmod(ns, 1000), ns)
        )
        yield line, 0, ns
    yield _X % (b"step", b"cc", pid, tid, *divmod(start, 1000), *divmod(ns - start, 1000), 7), 1, ns + 1


def log_of(directory: Path, spans: int) -> Path:
    """The log of so many spans in a directory, made if it is not there."""
    path = directory / f"build-{spans}.jsonl"
    if not path.exists():
        with path.open("wb") as file:
            write(file, spans)
    return path
