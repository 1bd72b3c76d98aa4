"""The commands by name, and which file has each: it is imported when it is needed, so `--help` stays light."""

from importlib import import_module
from typing import Final

import click

COMMANDS: Final = {
    "check": ("check", "Find what Perfetto would drop, count as an error or show wrongly, and how to fix it."),
    "clear": (
        "clear",
        "Remove traces, each with its log and rejects file: the named ones, or all. A trace in use is not removed.",
    ),
    "counter": ("verbs.counter", "From a script: a number as it is from now on, drawn as a curve."),
    "critical": (
        "critical",
        "Show what held up the end of a build: the chain of steps, each of which waited for the one before.",
    ),
    "demo": ("demo", "Record a job of some short-lived processes and write its trace."),
    "diff": ("diff", "Compare the statistics of two traces: A is before, B is after."),
    "dir": ("directory.dir_command", "Print the trace directory."),
    "doctor": (
        "doctor",
        "Check socket, daemon, directory and system, and suggest what to do. Exit 1 if a check fails.",
    ),
    "env": ("env", 'Print the variables with which programs join one trace: eval "$(tracerd env --new)".'),
    "event": ("verbs.event", "From a script: something that happens now."),
    "exec": ("exec_command", "Run a command, record it, and end as it ends."),
    "export": ("export", "Write traces in a format of other programs."),
    "get-tef": ("get_tef", "Write a trace, or a part of it, as a trace.json that Perfetto opens."),
    "import": ("import_command", "Put files of compilers, build tools, test runners and tracers on one timeline."),
    "install-service": ("install_service", "Write the systemd units of a service that starts with the first client."),
    "list": ("list_logs.list_command", "List the logs, one path on each line, the oldest last write first."),
    "log": ("verbs.log", "From a script: a line as a program writes to its log."),
    "open": ("open_trace.open_command", "Show a trace in Perfetto, until Ctrl-C."),
    "query": ("query", "Compute metrics of traces."),
    "serve": ("serve", "Run the daemon, until DIE, SIGTERM or Ctrl-C."),
    "shim": ("shim", "Fill a folder with shims, which record the programs of the same names."),
    "show": ("show", "Show a trace as a tree: processes, and in them their nested spans."),
    "span": ("verbs.span", "From a script: run a command as a named span, or begin and end one."),
    "sql": ("sql", "Ask traces a question in SQL; needs tracerd[sql]."),
    "stats": ("stats", "Count and measure the spans of a trace, and how much ran at once."),
    "status": (
        "status",
        "Show the running daemon: its totals, and the traces that have clients. Exit 1 if there is none.",
    ),
    "stop": ("stop", "Stop the daemon when its last client has gone."),
    "summary": (
        "summary",
        "Sum up a build: time, processors, what was slow, failed or ran twice, and what held up the end.",
    ),
    "tail": ("tail", "Print the last events of a trace, and with -f new ones as they arrive."),
    "telemetry": ("telemetry", "Usage events of tracerd itself: off by default, in a file of yours, never sent."),
}
"""Of each command its module, with its function if that has another name, and the first paragraph of its help."""


def load(name: str) -> click.Command:
    """One of COMMANDS."""
    module, _, function = COMMANDS[name][0].partition(".")
    found = getattr(import_module(f"tracerd.cli.{module}"), function or module)
    assert isinstance(found, click.Command)  # noqa: S101 (the table is ours, and a test loads all)
    return found
