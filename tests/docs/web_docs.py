"""docs/web.md: its examples, with what curl prints.

`python -m tests.docs.web_docs` writes what they print. A test fails if that would change it.
"""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.docs.documents import in_shell
from tests.harness import ROOT, Daemon
from tests.web.conftest import write_logs
from tests.web.servers import TOKEN, serving

WEB_MD = ROOT / "docs/web.md"

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def has_curl() -> bool:
    """Whether there is a curl that knows `--json`."""
    if shutil.which("curl") is None:
        return False
    return b"--json" in subprocess.run(["curl", "--help", "all"], capture_output=True, check=False).stdout


def web_md() -> str:
    """What docs/web.md should be: its own text, and what its commands print."""
    with tempfile.TemporaryDirectory() as home:
        directory = write_logs(Path(home) / "logs")
        with Daemon(Path(home)) as daemon, serving(directory, "--socket", daemon.socket) as server:

            def run(command: str) -> str:
                done = in_shell(command, Path(home), URL=server.url.rstrip("/"), TOKEN=TOKEN)
                assert done.returncode == 0, (command, done.stderr)
                return done.stdout if not done.stdout or done.stdout.endswith("\n") else f"{done.stdout}\n"

            def block(match: re.Match[str]) -> str:
                commands = [line for line in match[1].splitlines() if line.startswith("$ ")]
                return "```console\n" + "".join(f"{line}\n{run(line[2:])}" for line in commands) + "```"

            return _BLOCK.sub(block, WEB_MD.read_text())


if __name__ == "__main__":
    WEB_MD.write_text(web_md())
