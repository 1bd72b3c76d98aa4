"""The place in which the tests of a file run `tracerd exec`."""

from collections.abc import Iterator

import pytest

from tests.exec.sandbox import Sandbox, own_sandbox


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A place with a running daemon."""
    with own_sandbox() as made:
        made.serve()
        yield made
