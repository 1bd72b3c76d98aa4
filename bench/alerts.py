"""`python -m bench.alerts`: `tracerd watch` beside a stream of events: its share of a core, and how late alerts are.

This process writes a log as the daemon would, with the usual rules and one with short windows. A channel notes when it
is given an alert, and another one hangs all the time. CPU time is that of `tracerd watch` alone.
"""

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from statistics import median

import click

from bench.daemons import process_cpu_s
from tests.harness import short_dir, wait_until
from tracerd.watch.rules import DEFAULT_RULES

RATE = 20_000
LIMIT_SHARE = 0.15
LIMIT_S = 3.0

PIECE_S = 0.1
BURST_S = 6.0
"""Between two alerts: so few that none waits to become a part of a summary."""

RULES = """
tracker "bursts" v1 {
  from logs where service == "burst"
  metrics { bursts = count() }
  watch { burst: bursts by service over 1s > 0 low clear 1 }
}
"""

_CLOCK = b'{"ph":"M","name":"tracerd_clock","args":{"monotonic_us":0,"boottime_us":0,"realtime_us":0,"boot_id":""}}\n'
_X = b'{"ph":"X","name":"GET /items/%d","cat":"http","pid":%d,"tid":1,"ts":%d,"dur":%d.5,"args":{"status":200}}\n'
_LOG = b'{"ph":"i","s":"t","cat":"log","name":"log","pid":%d,"tid":1,"ts":%d,"args":{"level":"%s","service":"%s"}}\n'


def piece(rng: random.Random, begin_us: int, end_us: int) -> Iterator[bytes]:
    """The events of a while: spans, and a tenth log events, of eight processes."""
    count = RATE * (end_us - begin_us) // 1_000_000
    for at in range(count):
        ts, pid = begin_us + at * (end_us - begin_us) // count, 100 + at % 8
        if at % 10:
            yield _X % (at % 20, pid, ts, rng.randrange(400_000))
        else:
            yield _LOG % (pid, ts, b"error" if rng.random() < 0.01 else b"info", b"shop")


def write(log: Path, seconds: float) -> None:
    """Write events as they happen, and now and then one that makes an alert."""
    rng, burst_s = random.Random(1), 0.0
    begun_us = time.time_ns() // 1000
    end_us = begun_us + round(seconds * 1e6)
    with log.open("ab", buffering=0) as file:
        while begun_us < end_us:
            time.sleep(PIECE_S)
            now_us = time.time_ns() // 1000
            lines = [*piece(rng, begun_us, now_us)]
            if now_us / 1e6 >= burst_s and end_us - now_us > 2 * BURST_S * 1e6:
                lines.append(_LOG % (99, now_us, b"info", b"burst"))
                burst_s = now_us / 1e6 + BURST_S
            file.write(b"".join(lines))
            begun_us = now_us


def delays(sent: Path) -> list[float]:
    """How long after the end of its window each alert came to the channel, in seconds."""
    found = (line.split(" ", 1) for line in sent.read_text().splitlines())
    alerts = [(float(stamp), json.loads(alert)) for stamp, alert in found]
    return [
        stamp - datetime.fromisoformat(alert["time"]).timestamp()
        for stamp, alert in alerts
        if alert.get("rule") == "burst"
    ]


@click.command()
@click.option("--seconds", default=40.0, show_default=True, help="How long.")
def main(seconds: float) -> None:
    """Measure `tracerd watch` beside a stream of events."""
    with short_dir() as home:
        logs, rules, channels, sent = home / "logs", home / "rules", home / "watch.toml", home / "sent"
        logs.mkdir(mode=0o700)
        log = logs / "stream.jsonl"
        log.write_bytes(_CLOCK)
        rules.write_text(DEFAULT_RULES + RULES)
        script = f'read -r alert; echo "$(date +%s.%N) $alert" >> {sent}'
        channels.write_text(
            f"[[channel]]\ncommand = ['sleep', '1000']\n[[channel]]\ncommand = ['sh', '-c', '{script}']\n"
        )
        channels.chmod(0o600)
        command = [sys.executable, "-m", "tracerd", "watch", "-d", logs, "--socket", home / "s", "--rules", rules]
        process = subprocess.Popen(
            [*map(str, command), "--channels", str(channels)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            write(log, 2 * BURST_S + 3)  # it has started and knows the trace by then
            wait_until(sent.exists, "the first alert")
            sent.unlink()
            before, begun = process_cpu_s(process.pid), time.monotonic()
            write(log, seconds)
            share = (process_cpu_s(process.pid) - before) / (time.monotonic() - begun)
            found = delays(sent)
        finally:
            process.kill()
            process.wait()
    click.echo(f"{RATE:,} events in a second: {share:.3f} of a core")
    click.echo(
        f"from the end of a window to a channel, beside one that hangs: at most {max(found):.2f} s, "
        f"the median of {len(found)} alerts {median(found):.2f} s"
    )
    sys.exit(share > LIMIT_SHARE or max(found) > LIMIT_S)


if __name__ == "__main__":
    main()
