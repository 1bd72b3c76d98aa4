"""Several exports at a time: each is whole, and the newest stays."""

import json
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.harness import Daemon, event, events, exported


@pytest.mark.parametrize("pieces", [1, 2, 100])
def test_events_after_emit_tef_do_not_break_the_file(shared_daemon: Daemon, tmp_path: Path, pieces: int) -> None:
    trace_id, out = f"after-{pieces}", tmp_path / "out.json"
    data = b"OPEN %s\n" % trace_id.encode() + events(range(1000)) + b"EMIT_TEF %s\n" % bytes(out)
    data += events(range(1000, 4000)) + b"FLUSH\n"
    step = len(data) // pieces + 1
    with shared_daemon.connect() as client:
        for at in range(0, len(data), step):
            client.send(data[at : at + step])
        assert client.line() == b"OK 4000 0 0"
    found = exported(out)
    assert len(found) >= 1000
    assert found == list(range(len(found)))
    assert shared_daemon.numbers(trace_id) == list(range(4000))


def test_exports_to_one_path_by_many_clients_end_as_the_newest(shared_daemon: Daemon, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    first, many = 100_000, 20
    shared_daemon.session(b"OPEN newest\n" + events(range(first)))
    watched: list[int] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            if out.exists():
                watched.append(len(exported(out)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with ExitStack() as stack:
            clients = [stack.enter_context(shared_daemon.connect()) for _ in range(many)]
            for number, client in enumerate(clients):
                client.send(b"OPEN newest\n" + event(first + number) + b"EMIT_TEF %s\nFLUSH\n" % bytes(out))
            assert [client.line() for client in clients] == [b"OK 1 0 0"] * many
    finally:
        done.set()
        watcher.join()
    assert sorted(exported(out)) == list(range(first + many))
    assert watched == sorted(watched)


def test_exports_to_different_paths_at_once_are_all_written(shared_daemon: Daemon, tmp_path: Path) -> None:
    outs = [tmp_path / f"{number}.json" for number in range(20)]
    with shared_daemon.connect() as client:
        client.send(b"OPEN many-paths\n" + events(range(5000)))
        client.send(b"".join(b"EMIT_TEF %s\n" % bytes(out) for out in outs))
        assert client.flush() == (5000, 0, 0)
        assert [exported(out) for out in outs] == [list(range(5000))] * len(outs)


def test_exports_of_different_traces_to_one_path_run_in_order_of_asking(shared_daemon: Daemon, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    with shared_daemon.connect() as client:
        for number in range(10):
            client.send(b"OPEN one-path-%d\n%sEMIT_TEF %s\n" % (number, event(number), bytes(out)))
        assert client.flush() == (10, 0, 0)
        assert exported(out) == [9]


@pytest.mark.parametrize("alias", ["link/out.json", "real//out.json"])
def test_exports_to_one_file_by_two_names_end_as_the_newest(shared_daemon: Daemon, tmp_path: Path, alias: str) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    trace_id = f"two-names-{alias.replace('/', '-')}"
    out = tmp_path / "real" / "out.json"
    shared_daemon.session(b"OPEN %s\n" % trace_id.encode() + events(range(100_000)))
    with shared_daemon.connect() as large, shared_daemon.connect() as small:
        # The first takes long; the second, asked for later, is done in no time.
        large.send(b"OPEN %s\nEMIT_TEF %s\n" % (trace_id.encode(), bytes(out)))
        large.status()
        small.send(
            b"OPEN %s-b\n" % trace_id.encode() + event(5) + b"EMIT_TEF %s/%s\n" % (bytes(tmp_path), alias.encode())
        )
        small.flush()
        large.flush()
    assert exported(out) == [5]


def test_metadata_says_that_nothing_is_missing(shared_daemon: Daemon, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    shared_daemon.session(b"OPEN meta\n" + events(range(3)) + b"EMIT_TEF %s\nFLUSH\n" % bytes(out))
    metadata = json.loads(out.read_bytes())["metadata"]
    assert (metadata["trace_id"], metadata["events"], metadata["complete"]) == ("meta", 3, True)
