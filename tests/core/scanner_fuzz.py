"""Damaged lines in bulk, through the scanner in C and through the exact checks in Python.

    python -m tests.core.scanner_fuzz --lines 10000000 [--extension FILE]

The claim: C passes no line that Python would change or refuse, and stops at few that Python would pass. It is made for
blocks of many lines, of which each next part is scanned as an export does.
"""

import argparse
import importlib.machinery
import importlib.util
import os
import random
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from unittest import mock

LINES_PER_SHARE = 50_000
"""A process checks so many before it reports."""

MAX_STOPS = 1 / 250
"""The share of lines at which C may stop though they are good: numbers of many digits and large exponents."""

LINES_PER_BLOCK = 40


def load(extension: Path) -> None:
    """Use this build of the extension in this process."""
    loader = importlib.machinery.ExtensionFileLoader("tracerd._speedups", str(extension))
    spec = importlib.util.spec_from_loader("tracerd._speedups", loader)
    assert spec
    module = sys.modules["tracerd._speedups"] = importlib.util.module_from_spec(spec)
    loader.exec_module(module)


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
    from tracerd.core.tef import OWN_PREFIXES
    from tracerd.trace_json import perfetto

    assert speedups.plain_lines
    assert speedups.plain_events
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
            number, length, elements = speedups.plain_events(block, at, len(block))
            passed = block[at : at + length]
            assert passed.count(b"\n") == number, f"seed {seed}: {block!r}"
            with mock.patch.object(perfetto, "plain_events", None), mock.patch.object(core_lines, "plain_lines", None):
                for line in passed.split(b"\n")[:-1]:
                    assert perfetto.export_line(line) is line, f"seed {seed}: {line!r}"
            line = block[at + length :].partition(b"\n")[0]
            assert elements in (None, perfetto.join_events(passed)), f"seed {seed}: {passed!r}"
            at += length + len(line) + 1
    assert stops <= done * MAX_STOPS, f"seed {seed}: C stops at {stops} good lines of {done}"
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
