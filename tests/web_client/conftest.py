"""The server over some logs is that of the tests of the server."""

from tests.web.conftest import server

__all__ = ["server"]
