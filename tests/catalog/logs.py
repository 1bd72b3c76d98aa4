"""Random logs as daemons of ours write them: with clock lines, begin marks, attributes, and what is odd."""

import random

from tests.rows.random_traces import random_log

CLOCK = b'{"ph":"M","name":"tracerd_clock","args":{"monotonic_us":%d,"boottime_us":1,"realtime_us":%d,"boot_id":""}}\n'
MARK = (
    b'{"ph":"M","name":"tracerd_begin","pid":%d,"tid":1,"ts":%d,"args":{"id":"%016x","name":"n","cat":"c"}}\n'
    b'{"ph":"X","name":"other","pid":%d,"tid":1,"ts":5,"dur":1,"args":{}}\n'
)
ENDED = b'{"ph":"X","name":"n","pid":%d,"tid":1,"ts":%d,"dur":1,"begin":"%016x"}\n'
LOG = b'{"ph":"i","s":"t","name":"l","cat":"log","pid":1,"tid":1,"ts":%d,"args":{"level":"%s","message":"m"}}\n'
ATTRIBUTES = b'{"ph":"M","name":"tracerd_trace","pid":1,"tid":1,"args":{"session":"s%d","tags":["a","b%d"],"n":%d}}\n'
LEVELS = (b"info", b"ERROR", b"warn", b"critical", b"loud")


def _piece(rng: random.Random, begun: list[int]) -> bytes:
    """Some lines; begin marks have ids of their own, as clients make them."""
    number = rng.randint(0, 5)
    ts = rng.choice([number, number * 1000, 1_795_000_000_000_000 + number])
    match rng.randint(0, 6):
        case 0:
            return CLOCK % (number, 1_795_000_000_000_000 + rng.randint(0, 10**12))
        case 1:
            begun.append(rng.getrandbits(60))
            return MARK % (number, ts, begun[-1], number)
        case 2:
            return ENDED % (number, ts, rng.choice(begun) if begun else 0)
        case 3:
            return LOG % (ts, rng.choice(LEVELS))
        case 4:
            return ATTRIBUTES % (number, number, number)
        case _:
            return random_log(rng.randrange(10**6))


def log(seed: int) -> bytes:
    """A log, the same one for each seed; its last line may lack its end."""
    rng = random.Random(seed)
    begun: list[int] = []
    pieces = [_piece(rng, begun) for _ in range(rng.randint(1, 12))]
    text = b"".join(piece if piece.endswith(b"\n") else piece + b"\n" for piece in pieces)
    if rng.random() < 0.7:
        text = CLOCK % (5, 1_795_000_000_000_000) + text
    return text[: rng.choice([None, None, -1, -4])]
