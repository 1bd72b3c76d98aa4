"""Damaged lines in bulk, through the scanner in C and through the exact checks in Python.

    python -m tests.core.scanner_fuzz --lines 10000000 [--extension FILE]

The claim: C passes no line that Python would change or refuse, and stops at few that Python would pass. It is made for
blocks of many lines, of which each next part is scanned as an export does. What is pumped is what the scanner passes,
and with what is handed back it is all that was sent.
"""

import argparse
import importlib.machinery
import importlib.util
import os
import random
import socket
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

if TYPE_CHECKING:
    from tracerd import speedups

LINES_PER_SHARE = 50_000
"""A process checks so many before it reports."""

MAX_STOPS = 1 / 250
"""The share of lines at which C may stop though they are good: numbers of many digits and large exponents."""

ENOUGH_LINES = 20_000
"""Of fewer, chance decides whether the share is exceeded: of 2,000 it is 0.05 to 0.5 %, of so many 0.16 to 0.3."""

LINES_PER_BLOCK = 40


def load(extension: Path) -> None:
    """Use this build of the extension in this process."""
    loader = importlib.machinery.ExtensionFileLoader("tracerd._speedups", str(extension))
    spec = importlib.util.spec_from_loader("tracerd._speedups", loader)
    assert spec
    module = sys.modules["tracerd._speedups"] = importlib.util.module_from_spec(spec)
    loader.exec_module(module)


def pumped(partial: bytes, data: bytes) -> tuple[bytes, "speedups.Pumped"]:
    """What is written of data that a client sends, and how `pump` describes it."""
    from tracerd import speedups

    assert speedups.pump
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs, tempfile.TemporaryFile() as log:
        theirs.sendall(data)
        done = speedups.pump(ours.fileno(), log.fileno(), partial, 2)
        assert done
        log.seek(0)
        return log.read(), done


HELLO = b"OPEN t\n"


def burst(data: bytes) -> tuple[bytes, int, int, bytes]:
    """What is written of a client that has sent this and gone, if it was served, how many lines, what is handed on."""
    from tracerd import speedups

    assert speedups.burst
    with socket.socket(socket.AF_UNIX) as listener, tempfile.TemporaryFile() as log:
        listener.bind(b"")
        listener.listen()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(listener.getsockname())
            client.sendall(HELLO + data)
        served, lines, _, _, _, handed_on, received, _ = speedups.burst(listener.fileno(), log.fileno(), HELLO, 1)
        if handed_on >= 0:
            os.close(handed_on)
        log.seek(0)
        return log.read(), served, lines, received if handed_on >= 0 else b""


def run(count: int, seed: int) -> int:
    """Check so many lines, or a few more; how many it were.

    Raises:
        AssertionError: With the seed and the line.
    """
    # Not before `load`.
    from tests.faults.fuzz import damaged, seeds
    from tracerd import speedups
    from tracerd.core import lines as core_lines
    from tracerd.core.lines import check_line
    from tracerd.core.own_prefixes import BEGIN_PREFIX, CLOCK_PREFIX, OWN_PREFIXES
    from tracerd.trace_json import perfetto
    from tracerd.trace_json.begin_marks import without_end

    assert speedups.plain_lines
    assert speedups.plain_elements
    rng = random.Random(seed)
    lines = seeds()
    done = stops = 0
    while done < count:
        chosen = (damaged(rng, lines) if rng.random() < 0.7 else rng.choice(lines) for _ in range(LINES_PER_BLOCK))
        block = b"".join(line + rng.choice((b"\n", b"\n", b"\n", b"\r\n", b"")) for line in chosen)
        at = 0
        while at < len(block):
            whole = block[at:]
            number, length = speedups.plain_lines(whole)
            passed = whole[:length]
            assert passed.count(b"\n") == number, f"seed {seed}: {whole!r}"
            for line in passed.split(b"\n")[:-1]:
                assert check_line(line) is line, f"seed {seed}: {line!r}"
                assert not line.startswith(OWN_PREFIXES), f"seed {seed}: {line!r}"
            line, newline, _ = whole[length:].partition(b"\n")
            stops += bool(newline) and check_line(line) is line and not line.startswith(OWN_PREFIXES)
            done += number + 1
            at += length + len(line) + 1
        at = 0
        while at < len(block):
            number, length, elements, _ = speedups.plain_elements(block, at)
            passed = block[at : at + length]
            assert passed.count(b"\n") == number, f"seed {seed}: {block!r}"
            in_python = mock.patch.object(perfetto, "plain_elements", None)
            with in_python, mock.patch.object(core_lines, "plain_lines", None):
                for line in passed.split(b"\n")[:-1]:
                    assert perfetto.export_line(line) is line, f"seed {seed}: {line!r}"
                    assert not line.startswith((CLOCK_PREFIX, BEGIN_PREFIX)), f"seed {seed}: {line!r}"
                    assert without_end(line) == line, f"seed {seed}: {line!r}"
            line = block[at + length :].partition(b"\n")[0]
            assert elements in (None, perfetto.join_events(passed)), f"seed {seed}: {passed!r}"
            at += length + len(line) + 1
        at = rng.randrange(max(1, block.find(b"\n")))
        stored, (received, number, length, torn, rest) = pumped(block[:at], block[at:])
        assert stored + rest == block, f"seed {seed}: {block!r}"
        assert (received, torn) == (len(block) - at, 0), f"seed {seed}: {block!r}"
        assert (number, length) == speedups.plain_lines(block), f"seed {seed}: {block!r}"
        number, length = speedups.plain_lines(block)
        for sent, plain in ((block, length == len(block)), (block[:length], length > 0)):
            expected = (sent, 1, number, b"") if plain else (b"", 0, 0, HELLO + sent)
            assert burst(sent) == expected, f"seed {seed}: {sent!r}"
    assert done < ENOUGH_LINES or stops <= done * MAX_STOPS, f"seed {seed}: C stops at {stops} good lines of {done}"
    return done


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.core.scanner_fuzz", description=__doc__)
    parser.add_argument("--lines", type=int, default=10_000_000, metavar="N", help="how many lines [%(default)s]")
    parser.add_argument("--seed", type=int, default=time.time_ns() // 10**9, metavar="N", help="of the first block")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes [%(default)s]")
    parser.add_argument("--extension", type=Path, metavar="FILE", help="a build of the extension to use")
    chosen = parser.parse_args()
    if chosen.extension:
        load(chosen.extension)
    shares = -(-chosen.lines // LINES_PER_SHARE)
    first = [chosen.seed * 1_000_000 + share for share in range(shares)]
    share = min(chosen.lines, LINES_PER_SHARE)
    if shares == 1:
        print(f"{run(share, first[0])} lines from seed {chosen.seed}, none against the rules")
        return
    done = 0
    with ProcessPoolExecutor(chosen.jobs) as pool:
        for checked in pool.map(partial(run, share), first):
            done += checked
            print(f"\r{done} lines from seed {chosen.seed}, none against the rules", end="", flush=True)
    print()


if __name__ == "__main__":
    main()
