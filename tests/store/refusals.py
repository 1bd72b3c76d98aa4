"""What a daemon that does not start reports, and what lies in a directory before and after."""

from pathlib import Path

from tests.harness import Daemon, event, tracerd


def refusal(*arguments: str | Path, **process: object) -> str:
    """The one line that a command says when it fails."""
    result = tracerd(*arguments, **process)
    assert (result.returncode, result.stdout) == (1, b"")
    said = result.stderr.decode()
    assert said.startswith("Error: ")
    assert said.count("\n") == 1
    return said


def serve_refusal(path: Path, directory: Path, *options: str | Path) -> str:
    """Why `tracerd serve` does not start."""
    return refusal("serve", "--socket", path, "-d", directory, *options)


def works(daemon: Daemon, trace_id: str = "works") -> bool:
    """Whether the daemon takes an event."""
    return daemon.session(b"OPEN %s\n%sFLUSH\n" % (trace_id.encode(), event(1))) == b"OK 1 0 0\n"


def tree(directory: Path) -> set[str]:
    """All that lies in a directory."""
    return {str(path.relative_to(directory)) for path in directory.rglob("*")}


def settled_tree(directory: Path) -> set[str]:
    """As `tree`, but without rejects, which traces get a moment after they have ended."""
    return {name for name in tree(directory) if not name.endswith(".rejected")}
