"""The files of the repository, as git lists them."""

import subprocess

import pytest

from tests.harness import ROOT

needs_checkout = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not possible here: this is no git checkout")


def tracked() -> set[str]:
    """The paths of all files that are committed, or staged to be."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return {path for path in listed.split("\0") if path and (ROOT / path).exists()}
