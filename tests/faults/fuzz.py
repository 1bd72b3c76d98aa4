"""Lines that nearly are what they should be, in bulk, through the wire protocol, the log and get-tef.

    python -m tests.faults.fuzz --lines 10000000

Strategy: take some lines of the corpus and of recorded clients, damage them, put them into one stream, and compare
what comes out with what a slow and independent reading of each line (json.loads and plain Python) says about it. The
input of a failure is written into the corpus, so that every later run of the tests begins with it; its seed is told.
"""

import argparse
import hashlib
import io
import json
import os
import random
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from pathlib import Path

from tests.core.oracle import has_surrogate_escape, is_good_event, is_strict_object
from tracerd.core.messages import Events, Message
from tracerd.core.own_prefixes import OWN_PREFIXES
from tracerd.core.protocol import MessageReader
from tracerd.store.log import LogWriter
from tracerd.store.rejects import read_rejects
from tracerd.store.snapshot import snapshot
from tracerd.trace_json.export import write_tef

CORPUS = Path(__file__).parent / "corpus"
CAPTURES = Path(__file__).parent.parent / "captures"

MAX_LINE_BYTES = 2000
"""The reader's limit here: some lines are to be longer."""

LINES_PER_STREAM = 60
LONGEST_SEED = 1500

LINES_PER_SHARE = 50_000
"""A process checks so many before it tells."""

TOKENS = [
    *(bytes([byte]) for byte in b'{}[]":,\\/ \t\r\n0159.-+eEuntfdD\x00\x1f\x7f\x80\xc3\xe2\xed\xf4\xff'),
    *(b"nan", b"-inf", b"NaN", b"Infinity", b"null", b"true", b"1e999", b"1e-999", b"1E+0309", b"9" * 310, b"0" * 70),
    *(b"\\\\", b'\\"', b"\\n", b"\\u0041", b"\\ud83d", b"\\uDE00", b"\\ud83d\\ude00", b"\\u005c", b"\xc3\xa9"),
    *(b'"ph"', b'"ts"', b'"dur"', b'"X"', b'"M"', b'"C"', b'"P"', b'"args"', b'{"a":', b"[" * 254, b"]" * 254),
    *(b"OPEN a", b"FLUSH", b"EMIT_TEF /x", b"\r\n", b"\n\n", b" \n", b"\xe2\x80\xa8", b"\xed\xa0\x80", b"\xef\xbb\xbf"),
    *(OWN_PREFIXES[0], b"x" * MAX_LINE_BYTES),
]


def seeds() -> list[bytes]:
    """The lines of the corpus and of recorded clients."""
    files = [*sorted(CORPUS.glob("*.bin")), *sorted(CAPTURES.glob("*/*.bin")), *sorted(CAPTURES.glob("*/*.jsonl"))]
    lines = {line: None for file in files for line in file.read_bytes().split(b"\n") if len(line) < LONGEST_SEED}
    return list(lines)


def damaged(rng: random.Random, lines: list[bytes]) -> bytes:
    """A line of these, mostly not what it was."""
    line = bytearray(rng.choice(lines))
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3, 8))):
        at = rng.randrange(len(line) + 1)
        match rng.randrange(6):
            case 0:
                line[at : at + rng.randrange(4)] = rng.choice(TOKENS)
            case 1:
                del line[at : at + rng.choice((1, 1, 2, 20, 2000))]
            case 2:
                line[at:at] = line[at : at + rng.randrange(30)] * rng.choice((1, 2, 40))
            case 3 if line:
                line[at % len(line)] ^= 1 << rng.randrange(8)
            case 4:
                other = rng.choice(lines)
                line[at:] = other[rng.randrange(len(other) + 1) :]
            case _:
                line[at:at] = rng.randbytes(rng.randrange(4))
    return bytes(line)


def stream(rng: random.Random, lines: list[bytes]) -> bytes:
    """What a client might send."""
    sent = b"".join(damaged(rng, lines) + b"\n" for _ in range(LINES_PER_STREAM))
    return sent[: rng.randrange(len(sent))] if rng.random() < 0.1 else sent


def read(sent: bytes, cuts: list[int]) -> tuple[bytes, list[Message], int]:
    """What a stream brings into the log, all other messages, and the number of lines."""
    reader = MessageReader(MAX_LINE_BYTES)
    messages: list[Message] = []
    for start, end in pairwise([0, *sorted(cuts), len(sent)]):
        messages += reader.feed(sent[start:end])
    messages += reader.finish()
    log = b"".join(message.block for message in messages if isinstance(message, Events))
    return log, [message for message in messages if not isinstance(message, Events)], reader.lines


def check_wire(sent: bytes, cuts: list[int]) -> bytes:
    """The log of a stream, after a comparison with what must be in it."""
    log, others, count = read(sent, [])
    assert read(sent, cuts) == (log, others, count), f"it matters how the stream is cut: {cuts}"
    lines = [line.strip(b" \t\r") for line in sent.split(b"\n")]
    assert count == log.count(b"\n") + len(others) + sum(not line for line in lines[:-1]), "a line is not accounted for"
    kept = [line + b"\n" for line in log.split(b"\n")[:-1]]  # not splitlines: \r is white space in JSON
    assert all(line.endswith(b"\n") and is_strict_object(line[:-1]) for line in kept), "the log is not strict"
    assert not any(has_surrogate_escape(line) for line in kept), "a surrogate escape is in the log"
    # Every line that was strict already is there, byte by byte and in its order.
    stored = iter(kept)
    for raw, line in zip(sent.split(b"\n"), lines, strict=True):
        if (
            line[:1] == b"{"
            and len(raw) <= MAX_LINE_BYTES
            and is_strict_object(line)
            and not has_surrogate_escape(line)
            and not line.startswith(OWN_PREFIXES)
        ):
            assert any(each == line + b"\n" for each in stored), f"a good line is not in the log: {line!r}"
    return log


def check_export(log: bytes, path: Path) -> None:
    """Compare the trace.json of this log, whatever it holds, with what must be in it."""
    path.write_bytes(log)
    sink = io.BytesIO()
    summary = write_tef(snapshot(path, "fuzz"), sink)
    text = sink.getvalue()
    document = json.loads(text, parse_constant=_no_constant)
    assert len(document["traceEvents"]) == summary.events == document["metadata"]["events"]
    lines = log.split(b"\n")
    if not lines[-1]:
        lines.pop()
    clocks = sum(line.startswith(OWN_PREFIXES[0]) for line in lines)
    assert len(lines) - clocks <= summary.events + summary.left_out <= len(lines), "a line of the log was forgotten"
    for line in text[text.index(b"[") + 1 : text.rindex(b'],"metadata"')].split(b",\n") if summary.events else []:
        assert is_good_event(line), f"Perfetto cannot read {line!r}"


def check_append(tail: bytes, path: Path) -> None:
    """A log that ends in anything can be appended to, and ends with a newline then."""
    path.write_bytes(tail)
    log = LogWriter(path)
    try:
        log.cut_torn_tail(lambda _: None)
        log.append(b"{}\n")
    finally:
        log.close()
    assert path.read_bytes().endswith(b"\n{}\n" if log.size > len(b"{}\n") else b"{}\n")
    assert log.size == path.stat().st_size


def _no_constant(word: str) -> None:
    raise AssertionError(f"{word} is no JSON")


def check(sent: bytes, cuts: list[int], folder: Path) -> None:
    """All that is claimed for one stream.

    Raises:
        Exception: Something is not as claimed, or something broke.
    """
    log = check_wire(sent, cuts)
    check_export(log, folder / "fuzz.jsonl")
    check_export(sent, folder / "fuzz.jsonl")  # as if somebody else had written this log
    check_append(sent, folder / "torn.jsonl")
    rejects = folder / "fuzz.rejected"
    rejects.write_bytes(sent)
    read_rejects(rejects)


def run(seed: int, count: int) -> int:
    """Check so many lines, or a few more, up to the end of a stream; how many it were.

    Raises:
        AssertionError: With the seed of the stream, and the file in the corpus that it went to.
    """
    lines = seeds()
    done = 0
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:
        while done < count:
            rng = random.Random(seed)
            sent = stream(rng, lines)
            cuts = [rng.randrange(len(sent) + 1) for _ in range(rng.choice((1, 5, 50)))]
            try:
                check(sent, cuts, Path(folder))
            except Exception as error:
                found = CORPUS / f"found-{hashlib.sha256(sent).hexdigest()[:12]}.bin"
                found.write_bytes(sent)
                raise AssertionError(f"seed {seed}, kept in {found}: {error!r}") from error
            done += sent.count(b"\n")
            seed += 1
    return done


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.fuzz", description=__doc__)
    parser.add_argument("--lines", type=int, default=10_000_000, metavar="N", help="how many lines [%(default)s]")
    parser.add_argument("--seed", type=int, default=time.time_ns() // 10**9, metavar="N", help="of the first stream")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes [%(default)s]")
    chosen = parser.parse_args()
    shares = -(-chosen.lines // LINES_PER_SHARE)
    first = [chosen.seed * 1_000_000_000 + share * LINES_PER_SHARE for share in range(shares)]
    began_s = time.monotonic()
    done = 0
    with ProcessPoolExecutor(chosen.jobs) as pool:
        for checked in pool.map(run, first, [LINES_PER_SHARE] * shares):
            done += checked
            said = f"{done} lines from seed {chosen.seed}, none against the rules"
            print(f"\r{said}, in {time.monotonic() - began_s:.0f} s", end="", flush=True)
    print()


if __name__ == "__main__":
    main()
