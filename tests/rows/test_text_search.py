"""A text in events: no line that holds it is passed over, however a writer has written its JSON."""

import json
import random

import pytest

from tracerd.rows.event import decode_line
from tracerd.rows.text_search import TextSearch

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

PIECES = [
    *("a", "K", "ss", "é", "É", "ß", "\u212a", "\u017f", "\ufb01", "İ", "😀", '"', "\\", "/", "\n", "\t"),
    *("\\n", "u", "\\u", " ", "log", "e", "\x01", "\ufffd", "1"),
]


def text_of(rng: random.Random, most: int) -> str:
    return "".join(rng.choice(PIECES) for _ in range(rng.randrange(most + 1)))


def value_of(rng: random.Random, depth: int = 0) -> Json:
    match rng.randrange(8 if depth < 2 else 5):
        case 0:
            return rng.choice([None, True, False, 1, 1.5, -12, 10**18])
        case 5 | 6:
            return {text_of(rng, 2): value_of(rng, depth + 1) for _ in range(3)}
        case 7:
            return [value_of(rng, depth + 1) for _ in range(3)]
        case _:
            return text_of(rng, 4)


def written(rng: random.Random, value: Json) -> str:
    """JSON as some writer may write it: any character of a string may be an escape."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{written(rng, key)}: {written(rng, one)}' for key, one in value.items())}}}"
    if isinstance(value, list):
        return f"[{','.join(written(rng, one) for one in value)}]"
    if not isinstance(value, str):
        return json.dumps(value)
    how = rng.randrange(4)
    if how < 2:
        return json.dumps(value, ensure_ascii=how == 0)
    if how == 2:
        return json.dumps(value, ensure_ascii=False).replace("/", "\\/")
    units = value.encode("utf-16-be").hex()
    escaped = "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
    return f'"{escaped if rng.random() < 0.5 else escaped.upper().replace("U", "u")}"'


def slow(value: Json, text: str, *, ignores_case: bool) -> bool:
    """Whether a value holds a text."""
    if isinstance(value, dict):
        return any(slow(one, text, ignores_case=ignores_case) for one in value.values())
    if isinstance(value, list):
        return any(slow(one, text, ignores_case=ignores_case) for one in value)
    held = value if isinstance(value, str) else json.dumps(value)
    return text.casefold() in held.casefold() if ignores_case else text in held


@pytest.mark.parametrize("seed", range(300))
def test_lines_that_hold_a_text_are_found(seed: int) -> None:
    rng = random.Random(seed)
    args: list[Json] = [{"k": value_of(rng)}, {"k": value_of(rng)}, {}, "a", None, [1]]
    events: list[dict[str, Json]] = [
        {
            "ph": rng.choice("iiiXCM"),
            "cat": rng.choice(["log", "log", "cc"]),
            "name": text_of(rng, 4),
            "args": rng.choice(args),
        }
        for _ in range(rng.randrange(1, 12))
    ]
    lines = [written(rng, event).encode() for event in events]
    block = b"\n".join(lines) + b"\n" * rng.randrange(2)
    for ignores_case in (False, True):
        for only_logs in (False, True):
            text = text_of(rng, 3)
            search = TextSearch(text, ignores_case=ignores_case, only_logs=only_logs)
            found = [
                start for start, line in search.lines(block) if (event := decode_line(line)) and search.is_in(event)
            ]
            expected = [
                sum(len(line) + 1 for line in lines[:at])
                for at, event in enumerate(events)
                if event["ph"] != "M"
                and (not only_logs or (event["ph"] == "i" and event["cat"] == "log"))
                and (
                    slow(event["name"], text, ignores_case=ignores_case)
                    or (event["args"] != {} and slow(event["args"], text, ignores_case=ignores_case))
                    or not text
                )
            ]
            assert found == expected, (text, ignores_case, only_logs)


def test_a_block_without_the_bytes_is_passed_over_and_of_others_only_such_lines_are_looked_at() -> None:
    block = b'{"name":"needle"}\n{"name":"hay \\n"}\n{"name":"nee\\u0064le"}\n'
    search = TextSearch("needle", ignores_case=False, only_logs=True)
    assert [*search.lines(b'{"name":"hay\\n/"}\n' * 9)] == []
    assert [line for _, line in search.lines(block)] == [b'{"name":"needle"}', b'{"name":"nee\\u0064le"}']


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b'{"ph":"i","name":"a\\/b"}', "a/b"),
        (b'{"ph":"i","name":"a\xffb"}', "a\ufffdb"),
        (b'{"ph":"i","name":"a\\nb"}', "a\nb"),
        (b'{"ph":"i","name":"a\\u000ab"}', "a\nb"),
        (b'{"ph":"i","name":"\\ud83d\\ude00"}', "\U0001f600"),
    ],
)
def test_what_may_be_written_in_several_ways(line: bytes, text: str) -> None:
    search = TextSearch(text, ignores_case=False, only_logs=False)
    events = [decode_line(found) for _, found in search.lines(line + b'\n{"name":"other"}\n')]
    assert [event.ph for event in events if event is not None and search.is_in(event)] == ["i"]
