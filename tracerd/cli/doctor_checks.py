"""What could keep tracing from working here: each check has one result, which says what to do about it.

Nothing is changed, and no daemon is started: with socket activation a mere connect would do that.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from tracerd.cli.doctor_daemon import check_daemon, check_leftovers, check_socket
from tracerd.cli.doctor_directory import check_directory, check_exec_logs, check_owner, check_rejects, check_space
from tracerd.cli.doctor_severity import Check
from tracerd.cli.doctor_system import check_clock, check_descriptors, check_environment, check_speedups, check_units
from tracerd.store.lock import holder, lock_path


def examine(socket: Path, directory: Path, environ: Mapping[str, str]) -> Iterator[Check]:
    """Run all checks.

    Args:
        socket: Where clients connect.
        directory: Where commands expect the logs.
        environ: What the programs to be traced inherit.
    """
    socket, directory = Path(os.path.abspath(socket)), Path(os.path.abspath(directory))
    pid = holder(lock_path(socket))
    yield check_socket(socket, pid)
    yield check_daemon(socket, directory, pid)
    yield check_directory(directory)
    yield check_owner(directory, pid)
    yield check_space(directory)
    yield check_units()
    yield check_speedups(environ)
    yield check_descriptors(pid)
    yield check_clock()
    yield check_environment(environ)
    yield check_exec_logs(directory)
    yield check_rejects(directory)
    yield check_leftovers(socket)
