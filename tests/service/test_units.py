"""`install-service` and its units."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import invoke
from tests.harness import PATIENCE_S
from tracerd import __version__

needs_analyze = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def units(text: str) -> dict[str, str]:
    """What `install-service --print` shows: the text of each unit by its name."""
    _, *parts = re.split(r"^# (tracerd[\w-]*\.\w+)\n", text, flags=re.MULTILINE)
    return {name: unit.rstrip("\n") for name, unit in zip(parts[::2], parts[1::2], strict=True)}


def test_install_service_writes_the_units_once_and_says_what_to_run(tmp_path: Path) -> None:
    directory = tmp_path / "systemd/user"

    first = invoke("install-service", XDG_CONFIG_HOME=str(tmp_path))
    again = invoke("install-service", XDG_CONFIG_HOME=str(tmp_path))
    shown = invoke("install-service", "--print")

    paths = [directory / "tracerd.socket", directory / "tracerd.service"]
    assert (first.returncode, first.stdout.decode().splitlines()) == (0, list(map(str, paths)))
    assert first.stderr.decode() == "now run: systemctl --user enable --now tracerd.socket\n"
    assert again.stdout.decode().splitlines() == [f"{path} is there already" for path in paths]
    assert {path.name: path.read_text().rstrip("\n") for path in paths} == units(shown.stdout.decode())
    assert (shown.returncode, shown.stderr) == (0, b"without --print, these are written; " + first.stderr)


def test_install_service_adds_a_unit_that_watches(tmp_path: Path) -> None:
    done = invoke("install-service", "--watch", XDG_CONFIG_HOME=str(tmp_path))
    shown = units(invoke("install-service", "--watch", "--print").stdout.decode())

    assert [*shown] == ["tracerd.socket", "tracerd.service", "tracerd-watch.service"]
    assert done.stderr.decode() == "now run: systemctl --user enable --now tracerd.socket tracerd-watch.service\n"
    watch = (tmp_path / "systemd/user/tracerd-watch.service").read_text()
    assert watch.rstrip("\n") == shown["tracerd-watch.service"]
    assert re.search(r"^ExecStart=.* -P -m tracerd watch$", watch, re.MULTILINE)


def test_the_unit_that_watches_takes_the_rules_of_a_file(tmp_path: Path) -> None:
    rules = tmp_path / "my rules 100%"
    rules.write_text("")
    shown = units(invoke("install-service", "--watch", "--rules", rules, "--print").stdout.decode())
    word = str(rules).replace("%", "%%")
    [command] = [line for line in shown["tracerd-watch.service"].splitlines() if line.startswith("ExecStart=")]
    assert command.endswith(f' -m tracerd watch --rules "{word}"')
    assert "--rules" not in shown["tracerd.service"]

    assert invoke("install-service", "--rules", rules).stderr.decode().splitlines()[-1] == (
        "Error: --rules needs --watch"
    )
    assert invoke("install-service", "--watch", "--rules", tmp_path / "none").returncode == 2


def test_install_service_leaves_a_unit_alone_that_differs(tmp_path: Path) -> None:
    directory = tmp_path / "systemd/user"
    directory.mkdir(parents=True)
    (directory / "tracerd.service").write_text("[Service]\nExecStart=/bin/true\n")

    done = invoke("install-service", XDG_CONFIG_HOME=str(tmp_path))

    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (1, b"", 1)
    assert f"{directory}/tracerd.service differs from what --print shows".encode() in done.stderr
    assert (directory / "tracerd.service").read_text() == "[Service]\nExecStart=/bin/true\n"
    assert not (directory / "tracerd.socket").exists()


def test_install_service_says_in_one_line_where_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "systemd").write_text("no directory")
    done = invoke("install-service", XDG_CONFIG_HOME=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.decode() == f"Error: cannot write {tmp_path}/systemd/user: Not a directory\n"


def interpreter_at(path: Path) -> Path:
    """This interpreter by another path, with this installation."""
    path.parent.mkdir()
    path.symlink_to(sys.executable)
    (path.parent.parent / "pyvenv.cfg").write_text((Path(sys.prefix) / "pyvenv.cfg").read_text())
    (path.parent.parent / "lib").symlink_to(Path(sys.prefix) / "lib")
    return path


@needs_analyze
@pytest.mark.parametrize("name", ["bin", "a b % i"])
def test_installed_units_are_such_as_systemd_takes(tmp_path: Path, name: str) -> None:
    python = sys.executable if name == "bin" else interpreter_at(tmp_path / name / "python")
    environ = os.environ | {"XDG_CONFIG_HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    subprocess.run(
        [python, "-m", "tracerd", "install-service", "--watch"], env=environ, check=True, capture_output=True
    )

    for unit in ("tracerd.socket", "tracerd.service", "tracerd-watch.service"):
        done = subprocess.run(
            ["systemd-analyze", "verify", "--user", tmp_path / "systemd/user" / unit],
            env=environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
        assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_a_program_name_that_systemd_does_not_take_is_refused(tmp_path: Path) -> None:
    python = interpreter_at(tmp_path / "it's" / "python")
    done = subprocess.run([python, "-m", "tracerd", "install-service", "--print"], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode() == f"Error: a unit cannot name such a file: {python}\n"


def test_the_installed_package_has_its_units_and_their_command_works() -> None:
    # As installed, not as it lies in the current directory.
    installed = [sys.executable, "-P", "-m", "tracerd"]
    shown = subprocess.run([*installed, "install-service", "--print"], cwd="/", capture_output=True, check=True)

    service = units(shown.stdout.decode())["tracerd.service"]
    [command] = re.findall(r"^ExecStart=(.*)$", service, re.MULTILINE)
    *words, verb = shlex.split(command)
    assert verb == "serve"
    done = subprocess.run([*words, "--version"], cwd="/", capture_output=True, check=True)
    assert done.stdout.decode().startswith(f"tracerd {__version__} (")


def test_the_units_hold_what_was_promised() -> None:
    shown = units(invoke("install-service", "--print").stdout.decode())
    for line in ("ListenStream=%t/tracerd.socket", "SocketMode=0600"):
        assert f"\n{line}\n" in shown["tracerd.socket"]
    for line in ("Type=notify", "Restart=on-failure", "LimitNOFILE=infinity", "NoNewPrivileges=yes"):
        assert f"\n{line}\n" in shown["tracerd.service"]
    # They would give the daemon other files than its clients see.
    for word in ("PrivateTmp", "ProtectHome", "ProtectSystem", "PrivateUsers", "ReadWritePaths", "RootDirectory"):
        assert word not in shown["tracerd.service"]
