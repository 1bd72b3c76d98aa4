"""`tracerd span`, `event`, `counter` and `log`: lines of a trace from a script, by the shortest way.

They belong to the trace of the environment, and to the process that calls them. Without a trace or without a daemon
they do nothing and end with 0: a script does not depend on whether it is recorded. Their options are described in
`tracerd.cli.verbs`, which parses what this parser does not know.
"""

import os
import sys

from tracerd.errors import InvalidTraceIdError
from tracerd.exec import event
from tracerd.exec.daemon_socket import DaemonSocket
from tracerd.exec.environment import SPAN_DIGITS, TraceContext, given, pid_of, span_id
from tracerd.exec.options import ATTRIBUTE, Options, pair
from tracerd.trace_id import TraceId, is_hex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Json = str | int | float | list[str] | dict[str, "Json"]
    Attributes = list[tuple[str, str]]

SEND_S = 1.0
"""How long a line waits for a socket that is full."""

INFO = "info"
"""The level of a log line that gives none."""

_INT64 = 2**63


class Verb:
    """What a verb is given.

    Attributes:
        words: Its arguments.
        attributes: Of the line, by key and value.
        trace: The trace; None: that of the environment.
        begin: The name that `span --begin` gives.
        end: The id that `span --end` gives.
        level: Of a log line.
    """

    def __init__(self, words: list[str]) -> None:
        self.words = words
        self.attributes: Attributes = []
        self.trace: TraceId | None = None
        self.begin = ""
        self.end = ""
        self.level = INFO


def main(name: str, words: list[str]) -> bool:
    """Do what these words mean; False if click has to parse them or report what is wrong. `span` may not return."""
    verb = parse(name, words)
    return verb is not None and VERBS[name](verb)


def parse(name: str, words: list[str]) -> Verb | None:
    """What these words mean, or None if they are unusual."""
    verb = Verb([])
    rest = list(words)
    while rest and (word := rest.pop(0)) != "--":
        option, equals, value = word.partition("=")
        if word[:1] != "-" or word == "-" or (name == "counter" and number(word) is not None):
            verb.words.append(word)
            continue
        if not (equals or rest):
            return None
        value = value if equals else rest.pop(0)
        if not _take(verb, name, option, value):
            return None
    verb.words += rest
    return verb


def _take(verb: Verb, name: str, option: str, value: str) -> bool:
    """Take an option of a verb; False if it has no such option or does not take this value."""
    if option == ATTRIBUTE and name != "counter" and (attribute := pair(value)):
        verb.attributes.append(attribute)
    elif option == "--trace":
        try:
            verb.trace = TraceId(value)
        except InvalidTraceIdError:
            return False
    elif option == "--level" and name == "log":
        verb.level = value
    elif option == "--begin" and name == "span" and value:
        verb.begin = value
    elif option == "--end" and name == "span":
        verb.end = value
    else:
        return False
    return True


def number(text: str) -> int | float | None:
    """A number that JSON and Perfetto take, or None."""
    if not text.isascii() or "_" in text:  # what Python alone takes for a number
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    if not abs(value) <= sys.float_info.max:  # NaN as well
        return None
    if not value.is_integer() or abs(value) > _INT64:
        return value
    try:
        exact = int(text)
    except ValueError:  # 2.0, 1e3
        exact = int(value)
    return exact if -_INT64 <= exact < _INT64 else value


def span(verb: Verb) -> bool:
    """A command as a span of its own, or the begin or the end of a span of the script."""
    if verb.begin and not (verb.end or verb.words):
        begun = span_id(os.getppid(), os.urandom(4))
        args = event.as_args(verb.attributes)
        write(verb.trace, lambda: _async("b", begun, name=verb.begin, args=args))
        try:
            os.write(1, begun.encode() + b"\n")
        except OSError as error:
            from tracerd.exec.programs import write_stderr

            write_stderr(f"tracerd span: cannot print the id: {error.strerror}")
            raise SystemExit(1) from None
        return True
    if verb.end and not (verb.begin or verb.words or verb.attributes):
        if not is_hex(verb.end, SPAN_DIGITS):
            return False
        write(verb.trace, lambda: _async("e", verb.end))
        return True
    if verb.begin or verb.end or len(verb.words) < 2 or not verb.words[0]:
        return False
    from tracerd.exec.run import run

    name, *command = verb.words
    run(Options(command, name=name, trace=verb.trace, span_args=verb.attributes, joins=True, start=False, quiet=True))
    return True


def _async(phase: str, span: str, **more: "Json") -> str:
    """One end of a span that begins and ends in different processes."""
    pid = pid_of(span)
    where: dict[str, Json] = {"ph": phase, "cat": event.SPAN, "pid": pid, "tid": pid, "ts": event.now_us()}
    return event.line(**where, id2={"local": f"0x{span}"}, **more)


def instant(verb: Verb) -> bool:
    """A moment of the script."""
    if len(verb.words) != 1 or not verb.words[0]:
        return False
    write(verb.trace, lambda: _at("i", verb.words[0], "event", event.as_args(verb.attributes), s="t"))
    return True


def counter(verb: Verb) -> bool:
    """A number as it is from now on."""
    if len(verb.words) != 2 or not verb.words[0] or (value := number(verb.words[1])) is None:
        return False
    write(verb.trace, lambda: _at("C", verb.words[0], "", {"value": value}))
    return True


def log(verb: Verb) -> bool:
    """A line as a program writes to its log."""
    if len(verb.words) != 1:
        return False
    args = {"level": verb.level.lower()} | event.as_args(verb.attributes)
    write(verb.trace, lambda: _at("i", verb.words[0], "log", args, s="t"))
    return True


def _at(phase: str, name: str, cat: str, args: "dict[str, Json]", **more: "Json") -> str:
    pid = os.getppid()
    return event.line(ph=phase, name=name, cat=cat, pid=pid, tid=pid, ts=event.now_us(), **more, args=args)


def write(trace: TraceId | None, line: "Callable[[], str]") -> None:
    """Write a line to the trace, if there is one and a daemon for it. Whatever goes wrong, the script goes on."""
    try:
        context = TraceContext(given(), trace)
        if context.is_new:
            return
        daemon = DaemonSocket(context.socket)
        daemon.write(f"OPEN {context.trace_id}\n{line()}")
        daemon.finish(SEND_S)
        daemon.close()
    except Exception:  # noqa: S110 (no daemon, no /proc, no memory: the script has nothing to do with it)
        pass


VERBS = {"span": span, "event": instant, "counter": counter, "log": log}
