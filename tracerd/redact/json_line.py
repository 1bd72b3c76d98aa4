"""Lines of JSON: strings as texts, lists with options as command lines, and the values of keys that name a secret."""

import json
from dataclasses import dataclass

from tracerd.redact.command_line import redacted as redacted_words
from tracerd.redact.rules import HIDDEN, NAME, TEXT, hide
from tracerd.redact.strings import encode
from tracerd.redact.strings import redacted as redacted_text
from tracerd.redact.urls import hide_logins


class _Number(str):
    """A number, digit for digit."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class _Object:
    """The pairs of an object: a key may be repeated."""

    pairs: list[tuple[str, "Json"]]


Json = _Object | list["Json"] | _Number | str | bool | None

_DECODER = json.JSONDecoder(object_pairs_hook=_Object, parse_int=_Number, parse_float=_Number, parse_constant=_Number)
_MARK = HIDDEN.decode()


def redacted(data: bytes) -> bytes:
    """The line without its secrets."""
    body = data.rstrip()
    try:
        value: Json = _DECODER.decode(body.decode())
        clean = _clean(value, keeps_numbers=_is_counter(value))
        return data if clean == value else _written(clean).encode() + data[len(body) :]
    except (ValueError, RecursionError):
        return hide(hide_logins(data), TEXT)


def _is_counter(value: Json) -> bool:
    """Whether it is an event whose args are numbers or nothing."""
    return isinstance(value, _Object) and ("ph", "C") in value.pairs


def _clean(value: Json, *, keeps_numbers: bool) -> Json:
    if isinstance(value, _Object):
        return _Object([_pair(key, item, keeps_numbers=keeps_numbers) for key, item in value.pairs])
    if isinstance(value, list):
        words = [item for item in value if isinstance(item, str) and not isinstance(item, _Number)]
        if len(words) == len(value) and any(word.startswith("-") for word in words):
            value = [*redacted_words(words)]
        return [_clean(item, keeps_numbers=keeps_numbers) for item in value]
    if isinstance(value, str) and not isinstance(value, _Number):
        return redacted_text(value)
    return value


def _pair(key: str, value: Json, *, keeps_numbers: bool) -> tuple[str, Json]:
    name = NAME.fullmatch(encode(key).lower())
    if not name:
        return redacted_text(key), _clean(value, keeps_numbers=keeps_numbers)
    return key, _hidden(value, keeps_numbers=keeps_numbers or b"token" in name[0])


def _hidden(value: Json, *, keeps_numbers: bool) -> Json:
    """The value of a secret: nothing of it stays but its form, and what cannot be a secret."""
    if isinstance(value, _Object):
        return _Object([(redacted_text(key), _hidden(item, keeps_numbers=keeps_numbers)) for key, item in value.pairs])
    if isinstance(value, list):
        return [_hidden(item, keeps_numbers=keeps_numbers) for item in value]
    if isinstance(value, _Number):
        return value if keeps_numbers else _MARK
    return _MARK if isinstance(value, str) and value else value


def _written(value: Json) -> str:
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, _Object):
        return "{" + ",".join(f"{_quoted(key)}:{_written(item)}" for key, item in value.pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_written, value)) + "]"
    return _quoted(value)


def _quoted(value: str | bool | None) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else json.dumps(value)
