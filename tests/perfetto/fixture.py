"""The fixture `perfetto`: one judge for all tests of a session. `tests/conftest.py` imports it."""

from collections.abc import Iterator

import pytest

from tests.perfetto.judge import Judge, Unavailable


@pytest.fixture(scope="session")
def perfetto() -> Iterator[Judge]:
    """The installed Perfetto."""
    try:
        judge = Judge()
    except Unavailable as why:
        pytest.skip(str(why))
    with judge:
        yield judge
