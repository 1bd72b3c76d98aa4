"""What the running daemon says of itself, if there is one."""

import msgspec

from tracerd.daemon.status import DaemonStatus
from tracerd.errors import TracerdError
from tracerd.service.control import ask
from tracerd.web.store import Store

ANSWER_S = 2.0


def daemon_status(store: Store) -> DaemonStatus | None:
    """The answer to STATUS; None if no daemon answers."""
    try:
        return msgspec.json.decode(ask(store.socket, b"STATUS\n", ANSWER_S), type=DaemonStatus)
    except (TracerdError, msgspec.DecodeError):
        return None
