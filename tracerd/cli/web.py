"""`tracerd web`: an HTTP API over the traces."""

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracerd.cli.options import directory_option, duration, socket_option
from tracerd.errors import ViewError, WebError
from tracerd.text import printable

if TYPE_CHECKING:
    from tracerd.web.sockets import Address


@click.command()
@directory_option
@socket_option
@click.option("--port", type=click.IntRange(0, 65535), metavar="N", help="Listen at this port; 0 takes a free one.")
@click.option(
    "--unix",
    "unix",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PATH",
    help="Listen on this Unix socket, which only you can use, and ask for no token.",
)
@click.option(
    "--address",
    envvar="TRACERD_WEB_ADDRESS",
    metavar="ADDRESS",
    help="Both in one: 127.0.0.1:8742, or the path of a Unix socket. Also $TRACERD_WEB_ADDRESS.",
)
@click.option(
    "--token-file",
    envvar="TRACERD_WEB_TOKEN_FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where the token is; made if it is not there. Also $TRACERD_WEB_TOKEN_FILE.",
)
@click.option(
    "--query-timeout", type=duration, default="30s", show_default=True, metavar="D", help="How long a query may take."
)
@click.option(
    "--open", "opens", is_flag=True, help="Show the pages in the browser; of a server that runs already, if one does."
)
@click.option("--log-requests", is_flag=True, help="Log each request on stderr, without its parameters.")
def web(
    directory: Path,
    socket: Path,
    port: int | None,
    unix: Path | None,
    address: str | None,
    token_file: Path | None,
    query_timeout: float,
    opens: bool,
    log_requests: bool,
) -> None:
    """Serve the traces over HTTP on this machine, until Ctrl-C; needs tracerd[web].

    It listens on 127.0.0.1 and [::1] at port 8742, or at a free port if that is taken, and answers your own processes.
    The address that it prints logs a browser in, once, within a minute; --open gives a new one.
    Programs send what is in the token file as `Authorization: Bearer TOKEN`; GET /openapi.json lists the routes.
    """
    try:
        from tracerd.web.server import is_ours, run
    except ModuleNotFoundError as error:
        raise WebError(f"tracerd web needs {str(error.name).partition('.')[0]}: pip install 'tracerd[web]'") from None
    from tracerd.catalog.store import cache_path
    from tracerd.service.systemd import take_sockets
    from tracerd.web.application import Settings
    from tracerd.web.guard import Guard
    from tracerd.web.running import login_url
    from tracerd.web.session import Session
    from tracerd.web.sockets import PORT, listening
    from tracerd.web.store import Store
    from tracerd.web.tokens import host_path, read_host, read_token, token_path

    _log(log_requests)
    passed = take_sockets()
    where = _address(port, unix, address)
    is_local = bool(passed) or where.path is not None
    path = token_file or token_path()
    token = None if is_local else read_token(path)
    if opens and token is None:
        raise click.UsageError("--open: a browser cannot use a Unix socket")
    directory = directory.absolute()
    if opens and token and (running := login_url(PORT if where.port is None else where.port, token, directory)):
        _show(running, waits=True)
        return
    with listening(where, passed) as (sockets, url):
        session = None if is_local else Session(read_host(host_path()), sockets[0].getsockname()[1])
        port_taken = where.port is None and session is not None and sockets[0].getsockname()[1] != PORT
        if port_taken:
            what = f"port {PORT} is taken, so this server is at another; --open shows one of yours that runs there"
            click.echo(what, err=True)
        settings = Settings(Store(directory, cache_path(), socket), Guard(token, session), is_ours, query_timeout)

        def report_ready() -> None:
            if session is None:
                click.echo(url)
            elif opens:
                _show(session.login_url(), waits=False)
            else:
                click.echo(session.login_url())

        if token is not None:
            click.echo(f"the token is in {printable(str(path))}", err=True)
        run(settings, sockets, report_ready)


def _show(url: str, *, waits: bool) -> None:
    """Print the address, and open it in the browser if there is one here; some return only when they are closed."""
    from threading import Thread
    from urllib.parse import urlsplit

    from tracerd.ui.browser import find_browser, forwarding

    over_ssh = forwarding(urlsplit(url).port or 80)
    if over_ssh:
        click.echo(f"on the machine of the browser, forward the port first: {over_ssh}", err=True)
    click.echo(url)
    if over_ssh:
        return
    try:
        browser = find_browser("open the address above in one")
    except ViewError as error:
        click.echo(str(error), err=True)
        return

    def open_it() -> None:
        if not browser.open(url):
            click.echo("no browser could be opened: open the address above in one", err=True)

    show = Thread(target=open_it, daemon=True)
    show.start()
    if waits:
        show.join()


def _address(port: int | None, unix: Path | None, address: str | None) -> "Address":
    from tracerd.web.sockets import Address, parse_address

    if port is not None and unix is not None:
        raise click.UsageError("--port and --unix exclude each other")
    if port is not None or unix is not None:
        return Address(port, unix)
    if not address:
        return Address()
    try:
        return parse_address(address)
    except ValueError:
        what = "no address: write 127.0.0.1:8742, or the path of a Unix socket"
        raise click.UsageError(f"{printable(address)!r} is {what}; tracerd web serves this machine only") from None


def _log(requests: bool) -> None:
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    logging.getLogger("tracerd.web").setLevel(logging.INFO if requests else logging.WARNING)
