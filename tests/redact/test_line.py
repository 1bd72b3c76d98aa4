"""Lines of JSON without their secrets are still JSON, and differ in nothing else."""

import json
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.redact.test_text import ORDINARY, SECRETS
from tracerd import redact

LINES = [
    (b'{"ph":"X","args":{"password":"hunter2","n":1}}\n', b'{"ph":"X","args":{"password":"***","n":1}}\n'),
    (b'{"a":{"apiKey":"hunter2","key":"a"}}', b'{"a":{"apiKey":"***","key":"a"}}'),
    (b'{"name":"run --token hunter2"}', b'{"name":"run --token ***"}'),
    (b'{"https://hunter2@h":1}', b'{"https://***@h":1}'),
    (b'{"token":"hunter2","token":"hunter2"}', b'{"token":"***","token":"***"}'),
    (b'{"secret":"a","n":1.00000000000000000001,"m":1e400}', b'{"secret":"***","n":1.00000000000000000001,"m":1e400}'),
    (b'{"credentials":{"a":"x","b":[1,true,null,""]}}', b'{"credentials":{"a":"***","b":["***",true,null,""]}}'),
    (b'{"ph":"X","args":{"password":1234}}', b'{"ph":"X","args":{"password":"***"}}'),
    (b'{"ph":"X","args":{"tokens":1234,"token":7}}', b'{"ph":"X","args":{"tokens":1234,"token":7}}'),
    (b'{"ph":"C","args":{"secrets":7}}', b'{"ph":"C","args":{"secrets":7}}'),
    (b'{"http.extraHeader":"X-Team: hunter2"}', b'{"http.extraHeader":"***"}'),
    (b'{"argv":["x","--token","hunter2"]}', b'{"argv":["x","--token","***"]}'),
    (b'{"argv":["mysql","-phunter2"]}', b'{"argv":["mysql","-p***"]}'),
    (b'{"a":"{\\"token\\":\\"hunter2\\"}"}', b'{"a":"{\\"token\\":\\"***\\"}"}'),
    (b'{"a":"token=hunter2\\u00fc \\u202e\\n"}', b'{"a":"token=*** \\u202e\\n"}'),
    (b'{"a":"https:\\/\\/ada:hunter2@example.org"}', b'{"a":"https://***@example.org"}'),
    (b'{"a":"\\u0074\\u006fken=hunter2"}', b'{"a":"token=***"}'),
    (b'{"token":"hunter2","a":"\\ud800"}', b'{"token":"***","a":"\\ud800"}'),
    ('{"token":"hunter2","a":"\u00fc"}'.encode(), '{"token":"***","a":"\u00fc"}'.encode()),
    (b'{"token":"hunter2', b'{"token":***'),
    (b'\xff token=hunter2', b"\xff token=***"),
    (b'[' * 5000 + b'"token=hunter2"', b'[' * 5000 + b'"token=***'),
    (b'{"ph": "X",  "name":"monkey"}\r\n', b'{"ph": "X",  "name":"monkey"}\r\n'),
    (b"", b""),
]  # fmt: skip


@pytest.mark.parametrize(("given", "shown"), LINES)
def test_lines(given: bytes, shown: bytes) -> None:
    assert redact.line(given) == shown


STRINGS = st.sampled_from([pair[0] for pair in SECRETS] + ORDINARY) | st.text()
VALUES = st.recursive(
    STRINGS | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner) | st.dictionaries(STRINGS | st.sampled_from(["password", "tokens"]), inner),
)


@given(VALUES)
def test_any_json_stays_json_of_the_same_form(value: object) -> None:
    once = redact.line(json.dumps(value).encode())

    assert _form(json.loads(once)) == _form(value)
    assert redact.line(once) == once


def _form(value: object) -> object:
    """The value with what may change left out: strings and keys, and numbers, which may become strings."""
    if isinstance(value, dict):
        return {"object"}
    if isinstance(value, list):
        return [_form(item) for item in cast("list[object]", value)]
    return value if isinstance(value, bool | None) else ""
