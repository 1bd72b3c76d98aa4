"""The browser of the person who sits here, if there is one."""

import os
import webbrowser

from tracerd.errors import ViewError

INSTEAD = "`tracerd open --no-browser` prints the address instead"


def find_browser(instead: str = INSTEAD) -> webbrowser.BaseBrowser:
    """The browser to use.

    Args:
        instead: What a person can do without one.

    Raises:
        ViewError: There is none, or no screen for it.
    """
    # Without a screen, Python would take a browser of the terminal, and none of these can show Perfetto.
    if not any(os.environ.get(name) for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")):
        raise ViewError(f"no browser can be opened here, as neither DISPLAY nor WAYLAND_DISPLAY is set; {instead}")
    try:
        return webbrowser.get()
    except webbrowser.Error:
        raise ViewError(f"no browser was found; {instead}") from None


def forwarding(port: int) -> str | None:
    """What to type where the browser is, if we were called over SSH; else None."""
    connection = os.environ.get("SSH_CONNECTION", "").split()
    if len(connection) != 4:
        return None
    _, _, server, ssh_port = connection
    option = "" if ssh_port == "22" else f" -p {ssh_port}"
    return f"ssh -N -L {port}:127.0.0.1:{port}{option} {_user()}@{server}"


def _user() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
