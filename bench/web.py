"""`python -m bench.web`: what `tracerd web` costs: pages, a long trace, memory under load, and the daemon beside it.

Times are of whole requests, the best of several. The daemon's rate is that of a client that streams events to it and
waits for each OK, in turns alone, and while a hundred readers ask at once and uploads arrive. The daemon and this
client have one core, the server and its readers another: what is measured is what the server does to the daemon, and
not that they share a processor.
"""

import http.client
import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from http import HTTPStatus
from multiprocessing import Manager
from pathlib import Path
from statistics import median
from threading import Event

import click

from bench.daemons import peak_mb, process_cpu_s
from tests.harness import Client, Daemon, short_dir
from tests.web.conftest import PROCESS, attributes, clock, log, point, span, text
from tests.web.servers import TOKEN, Server

TRACES = 500
SPANS = 10_000
READERS = 100
UPLOAD_BYTES = 20 * 1024 * 1024 - 1000
SLICE_S = 1.0
RETRY_S = 1.0
EVENTS = 100
"""Of a piece that the client streams before it waits for the OK."""
LIMIT_MB = 150
LIMIT_RATIO = 0.9
TIMEOUT_S = 300.0

_START_US = 1_700_000_000_000_000


def write_logs(directory: Path, traces: int = TRACES) -> None:
    """Many small traces, and a long one."""
    directory.mkdir(mode=0o700)
    for number in range(traces):
        head = clock(_START_US + number * 10**6), attributes(name=f"night {number % 7}", session=f"s{number % 50}")
        path = directory / f"tr-{number:04d}.jsonl"
        steps = (span("step", at * 10, 5) for at in range(20))
        path.write_bytes(text(*head, PROCESS, *steps, point("queue", 7, number), log("done", 200)))
    spans = (span(f"step {at % 50}", at * 10, 5, file="src/a.cpp", number=at) for at in range(SPANS))
    (directory / "long.jsonl").write_bytes(text(clock(_START_US), *spans))


def upload(size: int) -> bytes:
    """A request with so many bytes of spans, as an SDK makes them."""
    start_ns = time.time_ns()
    pairs = (("http.request.method", "GET"), ("url.path", "/api/items/42"), ("http.response.status_code", "200"))
    common = [{"key": key, "value": {"stringValue": value}} for key, value in pairs]
    spans: list[bytes] = []
    length = 0
    while length < size:
        number = len(spans)
        one = {
            "traceId": f"{number // 10 + 1:032x}",
            "spanId": f"{number + 1:016x}",
            "name": "GET /api/items",
            "kind": 2,
            "startTimeUnixNano": str(start_ns + number * 1000),
            "endTimeUnixNano": str(start_ns + number * 1000 + 900),
            "attributes": common,
        }
        spans.append(json.dumps(one).encode())
        length += len(spans[-1]) + 1
    service = b'{"attributes":[{"key":"service.name","value":{"stringValue":"bench"}}]}'
    return b'{"resourceSpans":[{"resource":%b,"scopeSpans":[{"spans":[%b]}]}]}' % (service, b",".join(spans[:-1]))


def times_of(server: Server, path: str, turns: int) -> str:
    """The best time of a request, and the CPU time that the server takes for one."""
    times: list[float] = []
    before = process_cpu_s(server.process.pid)
    for _ in range(turns):
        begun = time.perf_counter()
        assert ask(server.port, "GET", path) == 200
        times.append(time.perf_counter() - begun)
        time.sleep(0.1)  # below the rate limit
    spent = (process_cpu_s(server.process.pid) - before) / turns
    return f"{min(times) * 1000:.0f} ms, {spent * 1000:.0f} ms of CPU time"


def load(port: int, body: bytes, is_over: Event) -> Counter[int]:
    """The statuses of a hundred readers, each asking again and again, and of one upload after the other.

    0 is an upload that took longer than a body may, on a machine that has no time for it.
    """
    statuses: Counter[int] = Counter()
    paths = ("/api/public/traces?limit=200", "/api/public/traces/long", "/api/logs", "/api/public/metrics/daily")

    def one(number: int) -> None:
        while not is_over.is_set():
            try:
                status = ask(port, "GET", paths[number % len(paths)]) if number else send(port, body)
            except ConnectionError:
                status = 0
            statuses[status] += 1
            if status == HTTPStatus.TOO_MANY_REQUESTS:
                is_over.wait(RETRY_S)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(READERS + 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


def send(port: int, body: bytes) -> int:
    """The status of an upload."""
    return ask(port, "POST", "/v1/traces", body)


def ask(port: int, method: str, path: str, body: bytes | None = None) -> int:
    """The status of a request; the answer is read to its end."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


def keep_to(pid: int, core: int) -> None:
    """Let all threads of a process, and those to come, run on one core."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), {core})


def rate(daemon: Daemon, trace: str, piece: bytes) -> float:
    """The events in a second that a client streams to the daemon for a while, with an OK for each piece.

    By the quicker three quarters of the pieces: in the others a busy machine did something else meanwhile.
    """
    times: list[float] = []
    until = time.perf_counter() + SLICE_S
    with Client(daemon.socket) as client:
        client.send(b"OPEN %b\n" % trace.encode())
        while (begun := time.perf_counter()) < until:
            client.send(piece)
            client.flush()
            times.append(time.perf_counter() - begun)
    (daemon.dir / f"{trace}.jsonl").unlink()  # a hundred megabytes
    quicker = sorted(times)[: len(times) * 3 // 4]
    return len(quicker) * piece.count(b"\n") / sum(quicker)


def kept(daemon: Daemon, server: Server, body: bytes, turns: int) -> list[float]:
    """Which part of its rate the daemon keeps beside the readers and the uploads, in each turn.

    The turns are short, so that what else the machine does is the same in both parts of one. The load goes on all the
    time: the server is stopped and continued.
    """
    first, second, *_ = sorted(os.sched_getaffinity(0))
    keep_to(daemon.process.pid, first)
    keep_to(server.process.pid, second)
    piece = text(*(span(f"step {at}", at * 10, 5, file="src/a.cpp", number=at) for at in range(EVENTS)))
    ratios: list[float] = []
    # A process of its own, since threads of this one would keep the client from the interpreter.
    with (
        Manager() as manager,
        ProcessPoolExecutor(1, initializer=partial(os.sched_setaffinity, 0, {second})) as readers,
    ):
        is_over = manager.Event()
        under_way = readers.submit(load, server.port, body, is_over)
        keep_to(os.getpid(), first)
        try:
            for turn in range(turns):
                server.process.send_signal(signal.SIGSTOP)
                alone = rate(daemon, f"alone-{turn}", piece)
                server.process.send_signal(signal.SIGCONT)
                ratios.append(rate(daemon, f"beside-{turn}", piece) / alone)
        finally:
            server.process.send_signal(signal.SIGCONT)
            is_over.set()
        print(f"answers to {READERS} readers and the uploads: {dict(under_way.result())}")
    return ratios


@click.command()
@click.option("--turns", default=5, show_default=True, help="How often a page and a trace are asked for.")
@click.option("--upload-bytes", default=UPLOAD_BYTES, show_default=True, help="The size of the upload.")
@click.option("--pairs", default=20, show_default=True, help="How often the daemon's rate is taken alone and beside.")
def main(turns: int, upload_bytes: int, pairs: int) -> None:
    """Measure the web server."""
    with short_dir() as home, short_dir() as logs:
        write_logs(logs / "logs")
        with Daemon(logs) as daemon:
            server = Server(home, daemon.dir, "--socket", daemon.socket, forked=False)
            try:
                server.ask("/api/public/traces")  # the catalogue is made
                print(f"a page of {TRACES} traces: {times_of(server, '/api/public/traces?limit=500', turns)}")
                print(f"a trace of {SPANS:,} spans: {times_of(server, '/api/public/traces/long', turns)}")
                print(f"memory: {peak_mb(server.process.pid):.0f} MB")
                body = upload(upload_bytes)
                before = process_cpu_s(server.process.pid)
                assert send(server.port, body) == 200
                spent = process_cpu_s(server.process.pid) - before
                print(f"an upload of {len(body) / 2**20:.0f} MiB: {spent:.1f} s of CPU time")
                print(f"memory then: {peak_mb(server.process.pid):.0f} MB", flush=True)
                ratios = kept(daemon, server, body, pairs)
                peak = peak_mb(server.process.pid)
                print(f"memory beside {READERS} readers and the uploads: {peak:.0f} MB")
                shown = ", ".join(f"{one:.2f}" for one in ratios)
                print(f"the daemon keeps {median(ratios):.2f} of its rate, the median of {shown}")
            finally:
                server.process.kill()
                server.process.wait()
    if peak > LIMIT_MB:
        sys.exit(f"the server took more than {LIMIT_MB} MB")
    if median(ratios) < LIMIT_RATIO:
        sys.exit(f"the daemon kept less than {LIMIT_RATIO} of its rate")


if __name__ == "__main__":
    main()
