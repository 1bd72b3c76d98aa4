"""The result of one check of `tracerd doctor`."""

import enum
from dataclasses import dataclass


class Severity(enum.StrEnum):
    """How bad it is."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Check:
    """What was found out about one thing.

    Attributes:
        severity: How bad it is.
        subject: The thing, in a word.
        text: What was found, and what to do about it.
    """

    severity: Severity
    subject: str
    text: str


def ok(subject: str, text: str) -> Check:
    """A result that needs no action."""
    return Check(Severity.OK, subject, text)


def warn(subject: str, text: str) -> Check:
    """A result that may need one."""
    return Check(Severity.WARN, subject, text)


def fail(subject: str, text: str) -> Check:
    """A result that keeps tracing from working."""
    return Check(Severity.FAIL, subject, text)
