"""Results of random trackers over a log, as bytes: by another process, in blocks of another size."""

import json
import sys
from pathlib import Path
from random import Random

from tests.query.random_trackers import TrackerMaker
from tracerd.query.computation import Computation
from tracerd.query.tracker import Tracker
from tracerd.rows.names import ProcessNames
from tracerd.rows.source import find_trace
from tracerd.rows.table import Table
from tracerd.rows.table_maker import NAMED
from tracerd.store.log import BLOCK_BYTES, read_blocks

RANDOM = 8
SUMS = """tracker "sums" {
  metrics { a = sum(args.a); b = sum(args.b) by name, pid; c = avg(args.class) by name over day
    d = p95(args.a) by cat; e = sum(args.a) by cat; f = min(args.b) by process; g = max(args.a) by args.e
    h = sum(dur_us / 7)
  }"""

ALERTS = """
  alerts { large = if args.a > 1 then signal("large", args.b); b = args.b }
}"""


def results(logs: list[Path], block_bytes: int = BLOCK_BYTES) -> bytes:
    """What the trackers give of some logs as one, a line for each."""
    lines: list[bytes] = []
    for text in [SUMS, *(TrackerMaker(Random(seed)).text().removesuffix("}") for seed in range(RANDOM))]:
        tracker = Tracker.parse(text + ALERTS)
        plan = tracker.plan(None)
        computation = Computation(tracker.tree, plan, None)
        for log in logs:
            names = ProcessNames()
            if any(name in plan.inputs for name in NAMED):
                names.take(find_trace(log.parent, str(log)).blocks())
            table = Table(tracker.tree.relation, plan.inputs, "t", names, in_order=True)
            with open(log, "rb", buffering=0) as file:
                computation.feed_table(table, read_blocks(file.fileno(), block_bytes=block_bytes))
        found = computation.result()
        lines.append(json.dumps([found.as_json(), found.first_invalid, found.nulls]).encode())
    return b"\n".join(lines)


if __name__ == "__main__":
    sys.stdout.buffer.write(results([Path(sys.argv[1])]))
