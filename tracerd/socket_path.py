"""Where the socket is: the environment to a path. Standard library only, so that a client costs nothing to import."""

from __future__ import annotations

import os

TYPE_CHECKING = False  # typing and collections.abc take longer to import than all that is here to run
if TYPE_CHECKING:
    from collections.abc import Mapping

SOCKET_NAME = "tracerd.socket"


def socket_path(environ: Mapping[str, str] = os.environ) -> str:
    """The socket's path by the rule that every client can follow.

    `$TRACERD_SOCKET`; else `$XDG_RUNTIME_DIR/tracerd.socket`; else `/run/user/<uid>/tracerd.socket` if that directory
    is ours; else `/tmp/tracerd-<uid>/tracerd.socket`.
    """
    if named := environ.get("TRACERD_SOCKET"):
        return named
    if runtime_dir := environ.get("XDG_RUNTIME_DIR"):
        return os.path.join(runtime_dir, SOCKET_NAME)
    uid = os.geteuid()
    run_user = f"/run/user/{uid}"
    return os.path.join(run_user if _is_ours(run_user) else f"/tmp/tracerd-{uid}", SOCKET_NAME)  # noqa: S108 (checked before use)


def _is_ours(directory: str) -> bool:
    try:
        return os.stat(directory).st_uid == os.geteuid()
    except OSError:
        return False
