"""Lines of logs, as tests write them."""


def x(ts: object, dur: object, more: str = "", *, tid: int = 1) -> str:
    return f'{{"ph":"X","pid":1,"tid":{tid},"ts":{ts},"dur":{dur},"name":"x"{more}}}'


def run(ts: int, dur: int) -> str:
    """A process that has ended, as `tracerd exec` writes it."""
    return x(ts, dur, ',"cat":"process","args":{"exit_code":0}')


def ev(ph: str, ts: object, more: str = '"name":"a"', *, pid: int = 1, tid: int = 1) -> str:
    return f'{{"ph":"{ph}","pid":{pid},"tid":{tid},"ts":{ts}{"," if more else ""}{more}}}'


def meta(name: str, more: str) -> str:
    return f'{{"ph":"M","pid":1,"tid":1,"name":"{name}"{more}}}'


DEEP = [x(n, 3000 - 2 * n) for n in range(513)]

DAY = 24 * 3600 * 10**6

CLOCK = (
    '{{"ph":"M","name":"tracerd_clock","args":{{"monotonic_us":{m},"boottime_us":{m},"realtime_us":{r},'
    '"boot_id":"{b}"}}}}'
)
