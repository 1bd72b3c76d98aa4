"""`python -m tests.perfetto.build_picture LUA`: builds Lua as README shows it, and takes the picture of that.

`LUA` is a clone of https://github.com/lua/lua; it is copied and stays as it is.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from tests.exec.sandbox import TRACERD, own_sandbox
from tests.harness import ROOT
from tests.perfetto.screenshot import show

PICTURE = ROOT / "docs/exec.png"
OPTIONS = ("--size", "1400x1760", "--expand", "make", "--select", "ar")


def main(source: Path) -> None:
    """Build, and take the picture."""
    with own_sandbox() as place:
        copy = place.home / "lua"
        shutil.copytree(source, copy, ignore=shutil.ignore_patterns(".git", "*.o", "*.a"))
        trace = place.home / "lua.json"
        command = [TRACERD, "exec", "-o", trace, "--shim", "gcc,ar", "--", "make", "-C", "lua", "-j4"]
        subprocess.run([*map(str, command)], cwd=place.home, env=place.environ, check=True, stdout=subprocess.DEVNULL)
        print(json.dumps(show(trace, "--picture", str(PICTURE), *OPTIONS), indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
