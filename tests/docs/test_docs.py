"""The documents tell what the code does: what they show is run, and what they name exists."""

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from tests.harness import CLOCK_PREFIX, PATIENCE_S, ROOT, Client, Daemon, short_dir, tracerd
from tracerd import __version__
from tracerd.cli import main
from tracerd.core.clients import MAX_ERRORS
from tracerd.core.json_text import MAX_DEPTH
from tracerd.core.limits import DEFAULT_MAX_LINE_BYTES
from tracerd.core.lines import MAX_REPAIRED_BYTES
from tracerd.core.messages import Message, Refused
from tracerd.core.protocol import MessageReader
from tracerd.daemon.connection import MAX_OUTBOX_BYTES
from tracerd.daemon.listeners import BACKLOG
from tracerd.store.traces import snapshot
from tracerd.trace_id import MAX_TRACE_ID_BYTES
from tracerd.trace_json.export import export_to_file

README = (ROOT / "README.md").read_text()
PROTOCOL = (ROOT / "docs/protocol.md").read_text()
FORMAT = (ROOT / "docs/format.md").read_text()
DESIGN = (ROOT / "docs/design.md").read_text()
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

BIN = Path(sys.executable).parent
ELSEWHERE = "/home/ada"
"""Where the documents write a trace.json; a test writes it in a directory of its own."""


def section(document: str, heading: str) -> str:
    """What stands under a heading, up to the next one of the same or a higher level."""
    level = heading.split()[0]
    start = f"\n{document}".index(f"\n{heading}\n") + len(heading)
    following = re.search(rf"^#{{1,{len(level)}}} ", document[start:], re.MULTILINE)
    return document[start : start + following.start()] if following else document[start:]


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def tables(text: str) -> list[list[list[str]]]:
    """The tables: for each its rows, for each its cells, without the head."""
    found = re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE)
    return [
        [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()[2:]] for table in found
    ]


def code(cell: str) -> str:
    """What stands between a cell's backticks."""
    match = re.fullmatch("`(.*)`", cell)
    assert match, cell
    return match[1]


# --------------------------------------------------------------- README


def in_shell(script: str, directory: Path, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run lines as a person would type them, with this tracerd in the PATH."""
    env = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"} | environ
    command = ["sh", "-euc", script]
    return subprocess.run(
        command, cwd=directory, env=env, capture_output=True, text=True, check=False, timeout=2 * PATIENCE_S
    )


def setup_lines() -> list[str]:
    return [line for block in blocks(section(README, "## Set up"), "sh") for line in block.splitlines()]


def test_readme_has_two_lines_of_setup_and_its_commands_in_the_first_thirty() -> None:
    head = "\n".join(README.splitlines()[:30])

    assert len(setup_lines()) == 2
    assert "get-tef latest -o trace.json" in head
    assert "It is not" in head


def test_first_setup_line_ends_with_the_demo() -> None:
    # The gate runs both lines whole, on a clean clone; test_demo.py has what the demo does.
    assert setup_lines()[0].endswith(" && .venv/bin/pip install . && .venv/bin/tracerd demo")
    assert "](docs/demo.png)" in section(README, "## Set up")


def by_hand() -> list[str]:
    return blocks(section(README, "## The first trace by hand"), "sh")


needs_socat = pytest.mark.skipif(shutil.which("socat") is None, reason="socat is not installed")


@needs_socat
def test_first_trace_by_hand() -> None:
    serve, write, look = by_hand()
    assert len(write.splitlines()) == 4
    with short_dir() as home:
        # A person takes longer to type the next line than the daemon takes to start.
        wait = "while ! tracerd status >/dev/null 2>&1; do sleep 0.05; done\n"
        done = in_shell(
            serve + wait + write + "cp trace.json first.json\n" + look + "wait\n",
            home,
            TRACERD_SOCKET=str(home / "s"),
            TRACERD_DIR=str(home / "logs"),
        )
        first, second = ((home / name).read_bytes() for name in ("first.json", "trace.json"))

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("OK 1 0 0\n")
    assert f"listening on {home}/s" in done.stderr.splitlines()[0]
    [event] = json.loads(first)["traceEvents"]
    assert event["name"] == "nap"
    assert event["dur"] >= 190_000
    assert json.loads(second)["traceEvents"] == [event]


def test_readme_table_has_every_command() -> None:
    [table] = tables(section(README, "## Commands"))

    assert {code(row[0]).split()[1] for row in table} == set(main.commands)


def shown_in(document: str) -> Iterator[list[str]]:
    """The words of each line of shell code and of each piece of inline code."""
    for line in "".join(blocks(document, "sh") + blocks(document, "console")).splitlines():
        yield line.removeprefix("$ ").partition("#")[0].split()
    prose = re.sub(r"^```.*?^```$", "", document, flags=re.MULTILINE | re.DOTALL)
    for piece in re.findall(r"`([^`\n]+)`", prose):
        yield piece.split()


def options_of(command: str) -> set[str]:
    parameters = main.commands[command].params
    return {name for parameter in parameters for name in parameter.opts} | {"-h", "--help"}


def test_every_command_and_option_in_the_documents_exists() -> None:
    seen: set[str] = set()
    for document in DOCUMENTS:
        for program, *words in shown_in(document.read_text()):
            command, *rest = words if program == "tracerd" and words else [program, *words]
            if program == "tracerd" and words:
                assert command in main.commands, command
            if command in main.commands:
                seen.add(command)
                rest = rest[: rest.index("--")] if "--" in rest else rest  # another program's words follow
                options = {word for word in rest if word.startswith("-") and word != "-"}
                assert options <= options_of(command), (document, command, rest)

    assert seen == set(main.commands)


def test_readme_table_and_protocol_table_name_the_same_messages() -> None:
    [readme] = tables(section(README, "## What a client writes"))

    assert [row[0] for row in readme] == [row[0] for row in message_table()]


# --------------------------------------------------------------- protocol.md


def message_table() -> list[list[str]]:
    return tables(section(PROTOCOL, "## Messages"))[0]


def messages() -> Iterator[tuple[str, Message]]:
    for cell, *_ in message_table():
        line = code(cell).replace("<trace-id>", "t").replace("<path>", "/t.json").replace("{...}", '{"ph":"i"}')
        for message in MessageReader().feed(line.encode() + b"\n"):
            yield line, message


def test_protocol_table_has_every_message_and_each_is_known() -> None:
    kinds = {type(message) for _, message in messages()}

    assert kinds == set(get_args(Message)) - {Refused}
    assert len(list(messages())) == len(message_table())


def test_every_message_has_a_section() -> None:
    headings = re.findall(r"^### (.*)$", section(PROTOCOL, "## Messages"), re.MULTILINE)

    assert headings == ["An event" if line.startswith("{") else f"`{line.split()[0]}`" for line, _ in messages()]


class Session:
    """The session at the end of protocol.md, replayed; and the files that it left."""

    def __init__(self, daemon: Daemon, home: Path) -> None:
        self.pid = os.getpid()
        [text] = blocks(section(PROTOCOL, "## One whole session"), "session")
        self.expected: list[bytes] = []
        self.got: list[bytes] = []
        client = Client(daemon.socket)
        rest = b""
        for line in text.splitlines():
            mark, what = line[:2], line[2:].replace(ELSEWHERE, str(home))
            if what == "(half-close)":
                rest = client.finish()
            elif mark == "> ":
                client.send(what.encode() + b"\n")
            elif what == "(end)":
                self.expected.append(b"")
                self.got.append(rest)
            else:
                self.expected.append(what.encode())
                self.got.append(client.line())
        daemon.stop()
        self.log = daemon.log("build-42").decode()
        self.rejects = (daemon.dir / "build-42.rejected").read_text()
        self.trace_json = (home / "trace.json").read_text()


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with short_dir() as home, Daemon(home) as daemon:
        yield Session(daemon, home)


def same_clock(text: str) -> str:
    """The text with other clock readings, which differ each time, and with the version of the day."""
    text = re.sub(r'_us":[0-9]+', '_us":0', text)
    text = re.sub(r'"boot_id":"[-0-9a-f]{36}"', '"boot_id":"b"', text)
    return text.replace(f'"{__version__}"', '"0.1.0"')


def test_session_is_answered_as_shown(session: Session) -> None:
    assert session.got == session.expected
    assert len(session.expected) == 4


def test_session_leaves_the_files_that_are_shown(session: Session) -> None:
    [log] = blocks(section(FORMAT, "## The log (.jsonl)"), "jsonl")
    [rejects] = blocks(section(FORMAT, "## The rejects file (.rejected)"), "jsonl")
    [trace_json] = blocks(section(FORMAT, "## trace.json"), "json")

    assert same_clock(session.log) == same_clock(log)
    assert session.rejects.replace(f'"client_pid":{session.pid}', '"client_pid":4242') == rejects
    assert same_clock(session.trace_json) + "\n" == same_clock(trace_json)


def without_values(json_text: str) -> str:
    """The keys of JSON text and what is nested in what."""
    return re.sub(r'(?<=":)("[^"]*"|[0-9.]+)', "0", json_text)


def test_status_has_the_keys_that_are_shown(shared_daemon: Daemon) -> None:
    [shown] = blocks(section(PROTOCOL, "### `STATUS`"), "json")
    with shared_daemon.connect() as client:
        client.send(b'OPEN build-42\n{"ph":"i","ts":1}\nFLUSH\nSTATUS\n')
        client.line()
        got = client.line().decode()

    assert without_values(got) == without_values(shown.rstrip("\n"))


def line_tables(heading: str) -> list[list[list[str]]]:
    document = PROTOCOL if heading == "### An event" else FORMAT
    return [table for table in tables(section(document, heading)) if table[0][0].startswith("`{")]


REPAIRED, REFUSED_LINES = line_tables("### An event")
[LEFT_OUT] = line_tables("### Which events enter")
[REWRITTEN] = line_tables("### What is rewritten")


@pytest.mark.parametrize(("sent", "stored"), [pytest.param(*map(code, row)) for row in REPAIRED])
def test_lines_are_repaired_as_shown(sent: str, stored: str, shared_daemon: Daemon) -> None:
    trace_id = f"repair-{REPAIRED.index([f'`{sent}`', f'`{stored}`'])}"

    replies = shared_daemon.session(f"OPEN {trace_id}\n{sent}\nFLUSH\n".encode())

    assert replies == b"OK 1 0 0\n"
    assert shared_daemon.events(trace_id) == [f"{stored}\n".encode()]


@pytest.mark.parametrize(("sent", "reason"), [pytest.param(*map(code, row)) for row in REFUSED_LINES])
def test_lines_are_refused_as_shown(sent: str, reason: str, shared_daemon: Daemon) -> None:
    replies = shared_daemon.session(f"OPEN refusals\n{sent}\nFLUSH\n".encode())

    assert replies == f"ERROR 2: {reason}\nOK 0 1 0\n".encode()


def test_limits_are_those_of_the_code() -> None:
    limits = {row[0]: row[1] for row in tables(section(PROTOCOL, "## Limits"))[0]}

    assert limits["a line, without its `\\n`"].startswith(f"{DEFAULT_MAX_LINE_BYTES} bytes")
    assert limits["a line that is to be repaired"].startswith(f"{MAX_REPAIRED_BYTES} bytes")
    assert limits["nesting of an event, the object itself being the first level"] == f"{MAX_DEPTH} levels"
    assert limits["a trace id"] == f"{MAX_TRACE_ID_BYTES} bytes"
    assert limits["`ERROR` lines for one connection"].startswith(f"{MAX_ERRORS}, ")
    assert limits["`OK` and `STATUS` lines that wait for a client that does not read"] == "1 MiB"
    assert MAX_OUTBOX_BYTES == 1024 * 1024
    assert limits["connections that wait to be accepted"] == str(BACKLOG)


def nc_is_openbsd() -> bool:
    nc = shutil.which("nc")
    return nc is not None and b"OpenBSD" in subprocess.run([nc, "-h"], capture_output=True, check=False).stderr


@pytest.mark.parametrize(
    "program",
    [
        pytest.param("nc", marks=pytest.mark.skipif(not nc_is_openbsd(), reason="OpenBSD's nc is not installed")),
        pytest.param("socat", marks=needs_socat),
    ],
)
def test_protocol_can_be_tried_by_hand(program: str) -> None:
    [line] = [block for block in blocks(section(PROTOCOL, "## Try it by hand"), "sh") if f"| {program} " in block]
    with short_dir() as home, Daemon(home) as daemon:
        done = in_shell(line, home, TRACERD_SOCKET=str(daemon.socket))

    assert done.stdout == "OK 1 0 0\n", done.stderr


# --------------------------------------------------------------- format.md


@pytest.mark.parametrize(("line", "reason"), [pytest.param(*map(code, row)) for row in LEFT_OUT])
def test_lines_are_left_out_as_shown(line: str, reason: str, tmp_path: Path) -> None:
    log = tmp_path / "t.jsonl"
    log.write_text(f'{{"ph":"i","ts":1}}\n{line}\n')

    summary = export_to_file(snapshot(log, "t"), str(tmp_path / "trace.json"))

    assert (summary.events, summary.left_out) == (1, 1)
    assert [(left_out.line_no, left_out.reason) for left_out in summary.first_left_out] == [(2, reason)]


@pytest.mark.parametrize(("stored", "written"), [pytest.param(*map(code, row)) for row in REWRITTEN])
def test_events_are_rewritten_as_shown(stored: str, written: str, tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text(f"{stored}\n")

    done = tracerd("get-tef", "t", "-d", tmp_path)

    assert f'"traceEvents":[{written}],"metadata":'.encode() in done.stdout
    if '"C"' not in stored:
        assert json.loads(written) == json.loads(stored)


def test_empty_trace_is_as_shown_and_gz_compresses(tmp_path: Path) -> None:
    start = '{"displayTimeUnit":"ms","traceEvents":[],"metadata":'
    assert start in section(FORMAT, "## trace.json")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "t.jsonl").write_bytes(b"")

    done = tracerd("get-tef", "t", "-d", tmp_path / "logs", "-o", tmp_path / "t.json.gz")

    assert done.returncode == 0, done.stderr
    assert gzip.decompress((tmp_path / "t.json.gz").read_bytes()).startswith(start.encode())


def test_clock_line_begins_as_shown() -> None:
    assert f"`{CLOCK_PREFIX.decode()}`" in section(FORMAT, "### The clock line")


# --------------------------------------------------------------- design.md


def test_design_names_every_module_in_the_rows_of_the_import_contract() -> None:
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
    rows = [set(layer.split(" | ")) for layer in reversed(contract["layers"])]
    [table] = tables(section(DESIGN, "## Modules"))

    got = [{code(row[1]) for row in table if row[0] == str(number)} for number in range(1, len(rows) + 1)]

    assert got == rows
    there = {
        path.stem for path in (ROOT / "tracerd").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert {code(row[1]) for row in table} == there - {"__init__", "__main__"}


SHARED = {"errors", "launcher", "redact", "socket_path", "speedups", "text", "trace_id"}
"""The modules at the top level, which every folder may import."""


def test_design_names_what_each_folder_imports() -> None:
    [table] = tables(section(DESIGN, "## Modules"))
    for _, name, _, may_import in table:
        files = (ROOT / "tracerd" / code(name)).rglob("*.py")
        found = re.findall(r"^ *(?:from|import) tracerd\.(\w+)", "".join(map(Path.read_text, files)), re.MULTILINE)
        if not may_import.startswith("everything"):
            assert set(found) - SHARED - {code(name)} <= set(re.findall("`(.*?)`", may_import)), name


def test_core_store_and_daemon_can_be_read_in_an_afternoon() -> None:
    assert "`core`, `store` and `daemon` together have fewer than 5,000 lines." in DESIGN
    files = [file for folder in ("core", "store", "daemon") for file in (ROOT / "tracerd" / folder).rglob("*.py")]

    assert sum(len(file.read_text().splitlines()) for file in files) < 5000


# --------------------------------------------------------------- all of them


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", document.read_text())

    for path, anchor in links:
        target = document.parent / path if path else document
        assert target.exists(), path
        if anchor:
            assert anchor in anchors(target), f"{path}#{anchor}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_prose_has_one_sentence_a_line(document: Path) -> None:
    prose = re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    lines = [line for line in prose.splitlines() if not re.match(r"\||- |[0-9]+\. ", line)]

    assert [line for line in lines if re.search(r"[a-z)`]\. [A-Z`]", line)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_that_are_named_exist(document: Path) -> None:
    text = document.read_text()
    named = re.findall(r"(?<![\w/])(?:tracerd|tests|bench|data)/[\w/.]+\w", text)
    if document.name == "design.md":
        folders = "|".join(path.name for path in (ROOT / "tracerd").iterdir() if (path / "__init__.py").exists())
        modules = re.findall(rf"`((?:{folders})/\w+)(?:\.py)?`", text)
        assert len(modules) > 10
        named += [f"tracerd/{module}.py" for module in modules]

    assert [name for name in named if not (ROOT / name).exists()] == []
