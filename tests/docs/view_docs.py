"""What docs/view.md shows of `show`, `stats` and `diff`: the output of its commands, and the golden files of `--json`.

`python -m tests.docs.view_docs` writes all of it. A test fails if that would change anything.
"""

import re
import shlex

import orjson

from tests.harness import ROOT, tracerd

VIEW_MD = ROOT / "docs/view.md"
LOGS = ROOT / "docs/view"

GOLDEN = {
    "show.jsonl": "show ./before.jsonl --json",
    "stats.json": "stats ./before.jsonl --json",
    "diff.json": "diff ./before.jsonl ./after.jsonl --fail-over 10% --json",
}
"""Files in docs/view, and the commands whose output they are."""

_SHOWN = re.compile(
    r"(^```console\n\$ tracerd ((?:show|stats|diff) .*)\n```\n\n```text\n)(?:.*\n)*?(?=```$)", re.MULTILINE
)


def output(arguments: str) -> str:
    """What a command prints beside the logs of the documents."""
    done = tracerd(*shlex.split(arguments), cwd=LOGS)
    assert not done.stderr, done.stderr
    return done.stdout.decode()


def view_md() -> str:
    """What docs/view.md should be: its own text, and what the commands print."""
    return _SHOWN.sub(lambda shown: shown[1] + output(shown[2]), VIEW_MD.read_text())


def golden(name: str) -> str:
    """What a golden file should be; one object is spread over lines."""
    text = output(GOLDEN[name])
    return text if name.endswith("l") else orjson.dumps(orjson.loads(text), option=orjson.OPT_INDENT_2).decode() + "\n"


if __name__ == "__main__":
    VIEW_MD.write_text(view_md())
    for each in GOLDEN:
        (LOGS / each).write_text(golden(each))
