"""A build whose figures are known, and what commands print of the traces of a directory."""

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from tests.builds.traces import Trace
from tracerd.cli import main


def lua(*, lvm: int = 60, temporary: str = "ccAAAAAA", target: str = "lapi") -> Trace:
    """A build with a wrapper around each compiler, and parts in one of them; only compilers work for long."""
    trace = Trace()
    trace.step("make -j2", 0, 100)
    shell = trace.step("sh -c gcc", 0, lvm)
    gcc = trace.step("gcc -c -o lvm.o lvm.c", 0, lvm, parent=shell)
    trace.step(f"/usr/lib/cc1 lvm.c -o /tmp/{temporary}.s", 1, lvm - 5, parent=gcc)
    trace.step(f"gcc -c -o {target}.o {target}.c", 0, 30)
    trace.step("gcc -c -o bad.o bad.c", 40, 50, exit_code=1)
    trace.step("ar rcs liblua.a lvm.o", 70, 90)
    return trace


def called(store: Path, *arguments: str) -> Result:
    done = CliRunner().invoke(main, [*arguments, "-d", str(store)])
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert done.stderr == ""
    return done


def run(store: Path, *arguments: str) -> list[str]:
    done = called(store, *arguments)
    assert done.exit_code == 0
    return done.stdout.splitlines()


def as_json(store: Path, *arguments: str) -> dict[str, Any]:
    [line] = run(store, *arguments, "--json")
    return dict(json.loads(line))
