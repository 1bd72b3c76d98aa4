"""A client of `tracerd web`, for Python programs. Standard library only.

    from tracerd.web_client import WebClient

    web = WebClient()
    for trace in web.traces(tags=["nightly"], errors=True):
        print(trace["id"], trace["latency"])

To record what a program does, use `tracerd.client`: it writes to the daemon directly, and never waits.
"""

from tracerd.errors import ApiError
from tracerd.web_client.client import WebClient

__all__ = ["ApiError", "WebClient"]
