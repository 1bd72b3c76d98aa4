"""`tracerd install-service`: tracerd as a service of systemd's user manager."""

import re
import sys
from pathlib import Path

import click
import platformdirs

import tracerd
from tracerd.text import printable

UNITS = ("tracerd.socket", "tracerd.service")

WATCH_UNIT = "tracerd-watch.service"

ENABLE = "systemctl --user enable --now tracerd.socket"


@click.command("install-service")
@click.option("--watch", is_flag=True, help="Also a service that runs `tracerd watch`.")
@click.option(
    "--rules",
    type=click.Path(exists=True, dir_okay=False, resolve_path=True),
    metavar="FILE",
    help="With --watch: rules, instead of the usual ones.",
)
@click.option("--print", "only_print", is_flag=True, help="Print the units, and write nothing.")
def install_service(watch: bool, rules: str | None, only_print: bool) -> None:
    """Write the systemd units of a service that starts with the first client.

    They go to $XDG_CONFIG_HOME/systemd/user, usually ~/.config/systemd/user. An existing unit that differs
    is not replaced.
    """
    if rules is not None and not watch:
        raise click.UsageError("--rules needs --watch")
    texts = {name: unit(name) for name in UNITS}
    if watch:
        texts[WATCH_UNIT] = unit(WATCH_UNIT, *([] if rules is None else ["--rules", rules]))
    next_step = f"now run: {ENABLE}{f' {WATCH_UNIT}' if watch else ''}"
    if only_print:
        click.echo("\n".join(f"# {name}\n{text}" for name, text in texts.items()), nl=False)
        click.echo(f"without --print, these are written; {next_step}", err=True)
        return
    directory = Path(platformdirs.user_config_dir("systemd")) / "user"
    paths = {directory / name: text for name, text in texts.items()}
    try:
        directory.mkdir(parents=True, exist_ok=True)
        new = {path: text for path, text in paths.items() if not path.exists()}
        for path in paths.keys() - new.keys():
            if path.read_text(errors="replace") != paths[path]:
                raise click.ClickException(
                    f"{printable(str(path))} differs from what --print shows; remove it first, or change it by "
                    f"`systemctl --user edit {path.name}`"
                )
        for path, text in new.items():
            path.write_text(text)
    except OSError as error:
        where = printable(str(error.filename or directory))
        raise click.ClickException(f"cannot write {where}: {error.strerror}") from None
    for path in paths:
        click.echo(f"{printable(str(path))}{'' if path in new else ' is there already'}")
    click.echo(next_step, err=True)


def unit(name: str, *options: str) -> str:
    """The text of a unit, for this installation, whose command is given these options."""
    package = Path(tracerd.__file__).parent
    # In a checkout the units lie beside the package, in a wheel inside of it.
    places = (package / "data" / name, package.parent / "data" / name)
    text = next(place for place in places if place.exists()).read_text()
    verb = "watch" if name == WATCH_UNIT else "serve"
    words = " ".join([verb, *map(_quoted, options)])
    command = f"{_quoted(sys.executable)} -P -m tracerd {words}"  # -P: what lies in the current directory is not ours
    return re.sub("^ExecStart=.*$", lambda _: f"ExecStart={command}", text, flags=re.MULTILINE)


def _quoted(path: str) -> str:
    """A path as one word of a unit's command line."""
    if not path.isprintable() or set(path) & set("\"'\\$"):
        raise click.ClickException(f"a unit cannot name such a file: {printable(path)}")
    word = path.replace("%", "%%")
    return f'"{word}"' if " " in word else word
