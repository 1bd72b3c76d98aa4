"""`--redact` of every format: no secret that redaction knows leaves a trace, wherever and however it stands."""

import gzip
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from tests.commands import invoke
from tests.exporters.collector import collecting
from tests.harness import ROOT
from tests.redact.test_text import GITHUB, JWT, SECRETS
from tracerd import redact

TEXTS = [text for text, _ in SECRETS]
LINES = (ROOT / "tests/redact/command_lines.jsonl").read_text().splitlines()
COMMANDS = [
    words
    for words in map(json.loads, LINES)
    if any(word.startswith("-") for word in words) and "hunter2" not in str(redact.argv(words))
]
"""A list of texts without an option is no command line; what no rule hides in one is not ours to judge."""

KNOWN = ("hunter2", GITHUB[4:], JWT.partition(".")[2], "AKIAIOSFODNN7EXAMPLE", "aB1_-" * 4, "aB1-" * 8, "aB1" * 12)
"""What the secrets have in common, or are."""


def events() -> Iterator[object]:
    """Events with a secret wherever a text may stand."""
    place = {"pid": 7, "tid": 8}
    yield {"ph": "M", "name": "tracerd_trace", "args": {"name": "password=hunter2", "tags": ["https://a:hunter2@h"]}}
    yield {"ph": "M", "name": "otlp_resource", "pid": 9, "args": {"attributes": {"api.token": "hunter2"}}}
    yield {"ph": "M", "name": "otlp_metric", "pid": 9, "args": {"id": 1, "kind": "sum", "name": "token=hunter2"}}
    point = {"metric": 1, "attributes": {"password": "hunter2"}, "timeUnixNano": "5", "asInt": "3"}
    yield {"ph": "M", "name": "otlp_point", "pid": 9, "args": point}
    yield {"ph": "M", "name": "process_name", "pid": 7, "args": {"name": "run --token hunter2"}}
    rest = {"links": [{"attributes": {"secret": "hunter2"}}], "attributes": {"kind": "password=hunter2"}}
    yield {"ph": "X", "name": "came", "ts": 1, "dur": 9, "pid": 9, "tid": 9, "args": {"otlp": rest}}
    moment = {"otlp": {"spanEvent": ["", ""], "timeUnixNano": "5"}, "password": "hunter2"}
    yield {"ph": "i", "name": "moment", "ts": 2, "pid": 9, "tid": 9, "args": moment}
    record = {"otlp": {"body": {"password": ["hunter2"]}, "severityText": "api_key=hunter2"}}
    yield {"ph": "i", "name": "?", "cat": "log", "ts": 2, "pid": 9, "tid": 9, "args": record}
    yield {"ph": "C", "name": "n", "ts": 3, "pid": 7, "id": "url=https://a:hunter2@h", "args": {"value": 3}}
    for at, text in enumerate(TEXTS):
        args = {"text": text, "list": [text, {"deep": text}], text: 1, "password": text, "n": at}
        yield {"ph": "X", "name": text, "cat": text, "ts": at * 10, "dur": 5, **place, "args": args}
        log = {"message": text, "level": "error", "error": text}
        yield {"ph": "i", "name": "l", "cat": "log", "ts": at * 10 + 1, **place, "args": log}
    for at, words in enumerate(COMMANDS):
        yield {"ph": "B", "name": "run", "ts": 9000 + at * 10, **place, "args": {"argv": words}}
        yield {"ph": "E", "ts": 9005 + at * 10, **place, "args": {"command": words}}


def escaped(text: str) -> str:
    """A line of JSON in which secrets, and what gives them away, are escapes."""
    for word in ("hunter2", "password", "token", "secret", "https://"):
        text = text.replace(word, "".join(f"\\u{ord(letter):04x}" for letter in word))
    return text


@pytest.fixture(params=["plain", "escaped"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "run.jsonl"
    form: Callable[[str], str] = escaped if request.param == "escaped" else str
    path.write_text("".join(form(json.dumps(event)) + "\n" for event in events()))
    return path


def strings(value: object) -> str:
    """All texts of a value, decoded from JSON as often as it goes."""
    return repr(value) + json.dumps(value, default=str, ensure_ascii=False)


def ndjson(log: Path, *options: str) -> str:
    text = invoke("export", log, "--ndjson", *options).stdout
    return strings([json.loads(line) for line in text.splitlines()]) + text.decode()


def otlp(log: Path, *options: str) -> str:
    text = invoke("export", log, "--otlp", "-", *options).stdout
    return strings([json.loads(line) for line in text.splitlines()]) + text.decode()


def sent(log: Path, *options: str) -> str:
    with collecting() as collector:
        invoke("export", log, "--otlp", collector.url, "--otlp-protocol", "http/protobuf", *options)
        return strings([request.message() for request in collector.requests])


def jaeger(log: Path, *options: str) -> str:
    text = invoke("export", log, "--jaeger", "-", *options).stdout
    return strings(json.loads(text)) + text.decode()


def sqlite(log: Path, *options: str) -> str:
    path = log.with_suffix(".sqlite")
    invoke("export", log, "--sqlite", path, *options)
    with closing(sqlite3.connect(path)) as connection:
        return "\n".join(connection.iterdump()) + path.read_bytes().decode("latin-1")


def duck(log: Path, *options: str) -> str:
    path = log.with_suffix(".duckdb")
    invoke("export", log, "--duckdb", path, *options)
    with duckdb.connect(str(path), read_only=True) as database:
        tables = [str(row[0]) for row in database.execute("SHOW TABLES").fetchall()]
        return strings([database.execute(f"FROM {table}").fetchall() for table in tables])


def parquet(log: Path, *options: str) -> str:
    path = log.with_suffix(".parquet")
    invoke("export", log, "--parquet", path, *options)
    with duckdb.connect() as database:
        return strings([database.execute(f"FROM '{file}'").fetchall() for file in path.iterdir()])


def tef(log: Path, *options: str) -> str:
    text = invoke("get-tef", log, *options).stdout
    return strings(json.loads(text)) + text.decode()


def part(log: Path, *options: str) -> str:
    text = invoke("get-tef", log, "--rebase", "--close-open", "--from", "0", *options).stdout
    return strings(json.loads(text)) + text.decode()


def split(log: Path, *options: str) -> str:
    done = invoke("get-tef", log, "--split-size", "30KB", "-o", log.with_name("x.json.gz"), *options)
    files = done.stdout.decode().split()
    assert len(files) > 1
    return strings([json.loads(gzip.decompress(Path(file).read_bytes())) for file in files])


FORMATS = [ndjson, otlp, sent, jaeger, sqlite, duck, parquet, tef, part, split]


@pytest.mark.parametrize("written", FORMATS)
def test_no_secret_leaves(written: Callable[..., str], log: Path) -> None:
    plain, redacted = written(log), written(log, "--redact")

    assert "hunter2" in plain
    assert "***" in redacted
    assert [secret for secret in KNOWN if secret in redacted] == []
