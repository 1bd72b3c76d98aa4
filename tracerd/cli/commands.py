"""The commands by name, and which file has each: it is imported when it is needed, so `--help` stays light."""

from importlib import import_module
from typing import Final

import click

COMMANDS: Final = {
    "check": ("check", "Find what Perfetto would drop or show wrongly."),
    "clear": ("clear", "Remove traces, the named ones or all."),
    "counter": ("verbs.counter", "From a script: a number, drawn as a curve."),
    "critical": ("critical", "Show what held up the end of a build."),
    "demo": ("demo", "Record a first trace of a real job."),
    "diff": ("diff", "Compare two traces: what became slower, and what faster."),
    "dir": ("directory.dir_command", "Print the trace directory."),
    "doctor": ("doctor", "Check socket, daemon, directory and system."),
    "env": ("env", "Print the variables with which programs join one trace."),
    "event": ("verbs.event", "From a script: something that happens now."),
    "exec": ("exec_command", "Run a command, record it, and end as it ends."),
    "export": ("export", "Write traces in a format of other programs."),
    "get-tef": ("get_tef", "Write a trace as a trace.json that Perfetto opens."),
    "import": ("import_command", "Put files of other tools on one timeline."),
    "install-service": ("install_service", "Write the units of a systemd service."),
    "list": ("list_logs.list_command", "List traces, and find some of them."),
    "log": ("verbs.log", "From a script: a line of a log."),
    "metrics": ("metrics", "Show a metric over time."),
    "open": ("open_trace.open_command", "Show a trace in Perfetto, until Ctrl-C."),
    "query": ("query", "Compute metrics of traces."),
    "search": ("search", "Print the log events that hold a text."),
    "serve": ("serve", "Run the daemon, until DIE, SIGTERM or Ctrl-C."),
    "shim": ("shim", "Fill a folder with shims, which record programs."),
    "show": ("show", "Show a trace as a tree of processes and spans."),
    "span": ("verbs.span", "From a script: run a command as a named span."),
    "sql": ("sql", "Ask traces in SQL; needs tracerd[sql]."),
    "stats": ("stats", "Count and measure the spans of a trace."),
    "status": ("status", "Show the running daemon and its traces."),
    "stop": ("stop", "Stop the daemon when its last client has gone."),
    "summary": ("summary", "Sum up a build: time, processors, what was slow or failed."),
    "tail": ("tail", "Print the last events, and with -f new ones."),
    "telemetry": ("telemetry", "Show or change the usage events of tracerd itself."),
    "watch": ("watch", "Watch traces, and alert when a rule says so."),
    "web": ("web", "Serve the traces over HTTP; needs tracerd[web]."),
}
"""Of each command its module, with its function if that has another name, and what `tracerd --help` shows of it.

That fits a line of 80 columns.
"""


def load(name: str) -> click.Command:
    """One of COMMANDS."""
    module, _, function = COMMANDS[name][0].partition(".")
    found = getattr(import_module(f"tracerd.cli.{module}"), function or module)
    assert isinstance(found, click.Command)  # noqa: S101 (the table is ours, and a test loads all)
    return found
