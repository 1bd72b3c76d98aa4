"""What users install: the wheel and the sdist hold the files of the repository that they need, and no others."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Mapping
from email.parser import Parser
from pathlib import Path

import pytest

from tests.harness import PATIENCE_S, ROOT
from tests.packaging.files import needs_checkout, tracked
from tracerd import __version__

pytestmark = needs_checkout

STEM = f"tracerd-{__version__}"

ADDED_TO_WHEEL = {
    "tracerd/data/tracerd-watch.service",
    "tracerd/data/clickhouse-distributed.sql",
    "tracerd/data/clickhouse.sql",
    "tracerd/data/tracerd.service",
    "tracerd/data/tracerd.socket",
    f"{STEM}.data/data/share/man/man1/tracerd.1",
    f"{STEM}.dist-info/METADATA",
    f"{STEM}.dist-info/RECORD",
    f"{STEM}.dist-info/WHEEL",
    f"{STEM}.dist-info/entry_points.txt",
    f"{STEM}.dist-info/licenses/LICENSE",
}
"""Beside the package itself."""

ADDED_TO_SDIST = {"PKG-INFO", "docs/tracerd.1"}

NO_VARIABLES: Mapping[str, str] = {}


def build(source: Path, target: str, directory: Path, environ: Mapping[str, str] = NO_VARIABLES) -> Path:
    """Build one distribution as pip does, without its environment of its own: that would need a network."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(directory)]
    variables = {**os.environ, "TRACERD_PURE_PYTHON": "", **environ}
    subprocess.run(command, cwd=source, env=variables, check=True, capture_output=True, timeout=2 * PATIENCE_S)
    [made] = directory.glob("*.whl" if target == "wheel" else "*.tar.gz")
    return made


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist, unpacked."""
    directory = tmp_path_factory.mktemp("sdist")
    # Not `tarfile`: 3.11 lacks the filters that 3.12 asks for.
    subprocess.run(["tar", "-xf", build(ROOT, "sdist", directory), "-C", directory], check=True)
    return directory / STEM


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that is built from the sdist, unpacked: what pip installs."""
    directory = tmp_path_factory.mktemp("wheel")
    with zipfile.ZipFile(build(sdist, "wheel", directory)) as archive:
        archive.extractall(directory / "unpacked")
    return directory / "unpacked"


def can_compile() -> bool:
    return shutil.which("cc") is not None and Path(sysconfig.get_path("include"), "Python.h").exists()


def files(directory: Path) -> set[str]:
    return {path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()}


def test_sdist_holds_all_but_what_only_a_checkout_needs(sdist: Path) -> None:
    # hatchling adds .gitignore by itself: what lies there may be built again.
    expected = {path for path in tracked() if not path.startswith(".") or path == ".gitignore"}

    assert files(sdist) == expected | ADDED_TO_SDIST


def package() -> set[str]:
    return {path for path in tracked() if path.startswith("tracerd/")} - {"tracerd/_speedups.c"}


@pytest.mark.skipif(not can_compile(), reason="there is no C compiler, or no Python.h")
def test_wheel_from_the_sdist_holds_the_package_and_what_is_added(wheel: Path) -> None:
    about = (wheel / f"{STEM}.dist-info/WHEEL").read_text()

    assert files(wheel) == package() | ADDED_TO_WHEEL | {"tracerd/_speedups.abi3.so"}
    assert "Root-Is-Purelib: false\nTag: cp311-abi3-linux_" in about


@pytest.mark.parametrize("environ", [{"CC": "false"}, {"TRACERD_PURE_PYTHON": "1"}], ids=["no compiler", "unwanted"])
def test_wheel_without_the_extension_is_pure(sdist: Path, tmp_path: Path, environ: dict[str, str]) -> None:
    with zipfile.ZipFile(build(sdist, "wheel", tmp_path, environ)) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}

    assert names == package() | ADDED_TO_WHEEL
    assert [path.name for path in tmp_path.iterdir()] == [f"{STEM}-py3-none-any.whl"]


def test_version_and_page_are_those_of_the_package(wheel: Path) -> None:
    metadata = Parser().parsestr((wheel / f"{STEM}.dist-info/METADATA").read_text())
    page = (wheel / f"{STEM}.data/data/share/man/man1/tracerd.1").read_text()

    assert metadata["Version"] == __version__
    assert page.startswith(f'.TH TRACERD 1 "" "tracerd {__version__}"\n.SH NAME\ntracerd \\- ')


def test_commands_run_from_the_installed_sdist(wheel: Path, tmp_path: Path) -> None:
    environ = os.environ | {"PYTHONPATH": str(wheel), "XDG_CONFIG_HOME": str(tmp_path)}
    for command, shown in (
        (["--version"], f"tracerd {__version__} ("),
        (["install-service"], f"{tmp_path}/systemd/user/"),
    ):
        python = [sys.executable, "-P", "-m", "tracerd", *command]
        done = subprocess.run(python, cwd=tmp_path, env=environ, capture_output=True, text=True, check=True)
        assert shown in done.stdout
    where = "import tracerd; print(tracerd.__file__)"
    done = subprocess.run([sys.executable, "-P", "-c", where], env=environ, capture_output=True, text=True, check=True)
    assert done.stdout == f"{wheel}/tracerd/__init__.py\n"
    assert (tmp_path / "systemd/user/tracerd.service").read_text().count("-m tracerd serve") == 1
