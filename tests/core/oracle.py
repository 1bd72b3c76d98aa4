"""What lines are, by json.loads of the standard library made strict: never the code under test."""

import json
import math
import re
from itertools import accumulate


def strict(line: bytes) -> object:
    """What a strict reader makes of a line.

    Raises:
        ValueError: It is not JSON of our kind.
    """
    return json.loads(line.decode(), parse_constant=_refuse, parse_float=_double, parse_int=_double)


def _refuse(word: str) -> object:
    raise ValueError(word)


def _double(number: str) -> str:
    if math.isinf(float(number)):
        raise ValueError(number)
    return f"number {number}"  # every digit takes part in comparisons


def depth(line: bytes) -> int:
    outside = re.sub(rb'"[^"\\]*(?:\\.[^"\\]*)*"', b"", line)
    steps = [1 if byte in b"[{" else -1 for byte in outside if byte in b"[]{}"]
    return max(accumulate(steps), default=0)


def is_strict_object(line: bytes) -> bool:
    try:
        return isinstance(strict(line), dict) and depth(line) <= 256
    except (ValueError, RecursionError):
        return False


def has_surrogate_escape(line: bytes) -> bool:
    return bool(re.search(rb"(?<!\\)(?:\\\\)*\\u[dD][89a-fA-F][0-9a-fA-F]{2}", line))


def all_pairs(line: bytes) -> str:
    """What a line says, every repeated key and every digit included."""
    pairs: object = json.loads(
        line, object_pairs_hook=list, parse_constant=lambda _: None, parse_float=str, parse_int=str
    )
    return json.dumps(pairs, ensure_ascii=False)


def is_good_event(line: bytes) -> bool:
    """The rules of trace.json, over json.loads and every value of a repeated key."""

    def values_by_key(pairs: list[tuple[str, object]]) -> dict[str, list[object]]:
        return {key: [value for name, value in pairs if name == key] for key, _ in pairs}

    event: dict[str, list[object]] = json.loads(line, object_pairs_hook=values_by_key)
    phases = event.get("ph", [])
    if not phases or not all(isinstance(phase, str) and phase for phase in phases):
        return False
    first = str(phases[-1])[0]
    needed = {"M": set[str](), "X": {"ts", "dur"}}.get(first, {"ts"})
    times = [value for key in ("ts", "dur", "tts", "tdur") for value in event.get(key, [])]
    return needed <= event.keys() and all(map(_is_finite_number, times))


def _is_finite_number(value: object) -> bool:
    if isinstance(value, str):
        try:
            value = json.loads(value) if value[:1] in set("-0123456789") and value[-1:].isdigit() else None
        except ValueError:
            return False
    return type(value) in (int, float) and math.isfinite(float(str(value)))
