"""Projects to build, and the tools that build them."""

import shutil
from pathlib import Path

import pytest

from tests.exec import c_project
from tests.exec.sandbox import Sandbox

FILES = 30


PROCESSES = """
select p.name, s.name, parent.name, extract_arg(s.arg_set_id, 'args.exit_code')
from slice s join thread_track t on s.track_id = t.id join thread using (utid) join process p using (upid)
left join flow f on f.slice_in = s.id left join slice parent on parent.id = f.slice_out
"""


needs_cc = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler is installed")


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


BUILDERS = [pytest.param(["make", "-j4"], marks=needs("make")), pytest.param(["ninja", "-j4"], marks=needs("ninja"))]


def project(sandbox: Sandbox, files: int = FILES, work: int = 3) -> Path:
    """A fresh project."""
    directory = sandbox.home / "project"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    c_project.write(directory, files, work)
    return directory
