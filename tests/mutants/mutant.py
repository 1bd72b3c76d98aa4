"""What a mutant is, and where it is put: a copy of the tree."""

import os
import re
import shutil
import signal
import site
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Verdict = Literal["dies", "lives", "skipped", "no verdict"]

HANG_S = 20
"""A test that takes longer has failed: a mutant may make it hang."""

END_S = 300
"""All tests of a run have ended after this time."""

_FAILED = re.compile(r"^(?:FAILED|ERROR) ([^\s\[]+)", re.MULTILINE)
_TESTS_FAILED = 1  # exit codes of pytest
_ALL_PASSED = 0


@dataclass(frozen=True, slots=True)
class Mutant:
    """A change that makes one promise of the code untrue.

    Attributes:
        name: Short, and like no other.
        promise: What the code does without it.
        path: The file, from the root of the repository.
        old: A text that is in this file once.
        new: What takes its place.
        tests: Ids of tests, as pytest takes them; one of these must fail.
    """

    name: str
    promise: str
    path: str
    old: str
    new: str
    tests: tuple[str, ...]

    def put_into(self, text: str) -> str:
        """The text of its file with the change.

        Raises:
            ValueError: The old text is not there, or more than once.
        """
        if (found := text.count(self.old)) != 1:
            raise ValueError(f"{self.name}: its old text is {found} times in {self.path}, not once")
        return text.replace(self.old, self.new)


@dataclass(frozen=True, slots=True)
class Result:
    """What the tests of a mutant did; `output` is that of pytest."""

    verdict: Verdict
    output: str

    def failed(self) -> list[str]:
        """The ids of the tests that failed, without their parameters."""
        return _FAILED.findall(self.output)


class Copy:
    """A copy of a repository with a Python that imports from it, whatever `-I` and the installation say.

    Args:
        root: The repository.
        to: Where the copy goes; not there yet.
    """

    def __init__(self, root: Path, to: Path) -> None:
        self.root = to
        shutil.copytree(root, to, ignore=shutil.ignore_patterns(".*", "__pycache__"))
        venv.create(to / ".venv", symlinks=True)
        self._python = to / ".venv/bin/python"
        paths = sysconfig.get_paths(vars={"base": str(to / ".venv"), "platbase": str(to / ".venv")})
        add = "; ".join(f"site.addsitedir({packages!r})" for packages in site.getsitepackages())
        Path(paths["purelib"], "copy.pth").write_text(f"{to}\nimport site; {add}\n")
        command = Path(sys.executable).with_name("tracerd")
        if command.exists():
            text = command.read_text().replace(str(command.parent), str(self._python.parent))
            (self._python.parent / "tracerd").write_text(text)
            (self._python.parent / "tracerd").chmod(0o755)

    def run(self, mutant: Mutant) -> Result:
        """Run the tests of a mutant in this copy, which is left without it.

        Raises:
            ValueError: The old text is not there, or the new one cannot be compiled.
        """
        path = self.root / mutant.path
        text = path.read_text()
        try:
            self._write(path, mutant.put_into(text))
            return self.test(mutant.tests, "-x", "--timeout", str(HANG_S))
        finally:
            self._write(path, text)

    def _write(self, path: Path, text: str) -> None:
        if path.read_text() == text:
            return
        path.write_text(text)
        if path.suffix == ".c":
            _compile(path)
        # Python takes a file of the same size and second for the one that it has compiled.
        for compiled in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
            compiled.unlink()

    def test(self, tests: Iterable[str], *options: str) -> Result:
        """Run some tests; options are pytest's."""
        command = [str(self._python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, *tests]
        with subprocess.Popen(
            command, cwd=self.root, start_new_session=True, text=True, errors="replace",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        ) as running:  # fmt: skip
            try:
                output, _ = running.communicate(timeout=END_S)
            except subprocess.TimeoutExpired:
                os.killpg(running.pid, signal.SIGKILL)
                return Result("no verdict", f"pytest has not ended within {END_S} s")
        if running.returncode == _TESTS_FAILED:
            return Result("dies", output)
        if running.returncode != _ALL_PASSED:  # there is no such test, or nothing can be imported
            return Result("no verdict", output)
        return Result("lives" if " passed" in output else "skipped", output)


def _compile(source: Path) -> None:
    """Compile the extension beside its source, as hatch_build.py does, in a second."""
    target = source.with_suffix(".abi3.so")
    include = f"-I{sysconfig.get_path('include')}"
    try:
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", include, source, "-o", target], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise ValueError(f"{source} cannot be compiled: {error}") from None
