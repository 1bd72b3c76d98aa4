"""README.md: its commands run as shown, and it names every command and message."""

import json
import re
from collections.abc import Iterator

from tests.docs.documents import DOCUMENTS, README, blocks, code, in_shell, message_table, needs_socat, section, tables
from tests.harness import short_dir
from tracerd.cli.commands import COMMANDS, load


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

    assert {code(row[0]).split()[1] for row in table} == set(COMMANDS)


def shown_in(document: str) -> Iterator[list[str]]:
    """The words of each line of shell code and of each piece of inline code."""
    for line in "".join(blocks(document, "sh") + blocks(document, "console")).splitlines():
        yield line.removeprefix("$ ").partition("#")[0].split()
    prose = re.sub(r"^```.*?^```$", "", document, flags=re.MULTILINE | re.DOTALL)
    for piece in re.findall(r"`([^`\n]+)`", prose):
        yield piece.split()


def options_of(command: str) -> set[str]:
    parameters = load(command).params
    return {name for parameter in parameters for name in parameter.opts} | {"-h", "--help"}


def test_every_command_and_option_in_the_documents_exists() -> None:
    seen: set[str] = set()
    for document in DOCUMENTS:
        for program, *words in shown_in(document.read_text()):
            command, *rest = words if program == "tracerd" and words else [program, *words]
            if program == "tracerd" and words:
                assert command in COMMANDS, command
            if command in COMMANDS:
                seen.add(command)
                rest = rest[: rest.index("--")] if "--" in rest else rest  # another program's words follow
                options = {word for word in rest if word.startswith("-") and word != "-"}
                assert options <= options_of(command), (document, command, rest)

    assert seen == set(COMMANDS)


def test_readme_table_and_protocol_table_name_the_same_messages() -> None:
    [readme] = tables(section(README, "## What a client writes"))

    assert [row[0] for row in readme] == [row[0] for row in message_table()]
