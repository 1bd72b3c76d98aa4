"""What is put right in a file is reported."""

import json
import re
from pathlib import Path

import pytest

from tests.importers.reading import read_text
from tests.importers.test_formats import OTLP


@pytest.mark.parametrize("dur", ["NaN", "Infinity", "-5", "null"])
def test_a_duration_that_is_none_is_reported(dur: str, tmp_path: Path) -> None:
    text = '{"ph":"X","name":"%s","pid":2,"tid":2,"ts":-1,"dur":%s}\n'
    found = read_text(tmp_path, text % ("b", 0) + text % ("a", dur))
    assert found.span("a")["dur"] == 0
    notes = ["1 span without a duration, or a negative one, of length 0", "shifted, for some times lie before 0"]
    assert found.imported.timeline.notes == notes


def test_a_span_of_opentelemetry_that_ends_before_it_begins_is_reported(tmp_path: Path) -> None:
    found = read_text(tmp_path, re.sub(r'("endTimeUnixNano": )"?\d+"?', r'\1"5"', json.dumps(OTLP)))
    assert "of length 0" in str(found.imported.timeline.notes)


@pytest.mark.parametrize("key", ["endTimeUnixNano", "timeUnixNano"])
def test_a_time_of_opentelemetry_that_gives_way_to_another_one_is_reported(key: str, tmp_path: Path) -> None:
    text, count = re.subn(rf'("{key}": )"?\d+"?', r'\1"9999999999999999999"', json.dumps(OTLP))
    notes = str(read_text(tmp_path, text).imported.timeline.notes)
    assert count
    assert f"{count} time{'s' * (count > 1)} beyond 2116, or no number, passed over" in notes
