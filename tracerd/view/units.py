"""Times, numbers, processes and tables as the views write them."""

_UNITS = (("s", 10**9), ("ms", 10**6), ("us", 10**3))


def duration_text(ns: int) -> str:
    """A time in three digits or more: `999 ns`, `1.50 us`, `20.0 ms`, `1,234 s`."""
    for unit, size in _UNITS:
        if abs(ns) >= size:
            value = ns / size
            digits = 2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0
            return f"{value:,.{digits}f} {unit}"
    return f"{ns} ns"
