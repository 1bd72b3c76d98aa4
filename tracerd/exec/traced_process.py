"""What is known of a process that strace follows, while it is not all of it."""

import os

from tracerd.exec import event

_NOT_FOUND = "No such file or directory"
_MAX_FAILED = 16  # of one process; the others are not recorded


class TracedProcess:
    """A process or thread, while we do not know all of it.

    Attributes:
        programs: What it has become, one after the other; none: it is what its parent was.
        labels: What is recorded of each of them.
        changed_us: When it became the second one, the third one, and so on.
        trying: The program of a call that has not returned.
        failed: What it could not become, when, and why.
        mark: Shows that it has begun; empty as long as it has become no program.
        made_us: When it last began to make another one.
        moved: The directories that it has gone to, which may be relative to the one before.
        going: Where a call takes it that has not returned.
        end: How it ended, for `args`; None: it runs.
    """

    def __init__(self, start_us: int) -> None:
        self.start_us = start_us
        self.parent: int | None = None
        self.parent_name = ""
        self.is_thread = False
        self.programs: list[list[str]] = []
        self.labels: list[event.CommandLabel] = []
        self.changed_us: list[int] = []
        self.trying: list[str] = []
        self.failed: dict[tuple[str, ...], tuple[int, str]] = {}
        self.mark = ""
        self.made_us = start_us
        self.makes_thread = False
        self.going = ""
        self.end: dict[str, event.Json] | None = None
        self.end_us = 0
        self.moved: list[str] = []
        self._moves_before: list[int] = []  # each program
        self._base: str | None = None
        self._born_of: tuple[TracedProcess, int] | None = None  # its maker, and how often that had moved by then

    @property
    def name(self) -> str:
        """What it is called, for its children."""
        return event.basename(self.programs[-1][0]) if self.programs else self.parent_name

    def becomes(self, now_us: int, label: event.CommandLabel) -> None:
        """It has become what it tried to become."""
        if self.programs and _is_wrapper(self.programs[-1], self.trying):
            self.programs.pop()
            self.labels.pop()
            self._moves_before.pop()
        elif self.programs:
            self.changed_us.append(now_us)
        self.programs.append(self.trying)
        self.labels.append(label)
        self._moves_before.append(len(self.moved))
        self.failed.pop(tuple(self.trying), None)

    def fails(self, now_us: int, error: str) -> None:
        """It could not; if PATH is searched, where it found nothing says less than where it found something."""
        tried = tuple(self.trying)
        _, before = self.failed.get(tried, (0, _NOT_FOUND))
        if before == _NOT_FOUND and (tried in self.failed or len(self.failed) < _MAX_FAILED):
            self.failed[tried] = (now_us, error)

    def starts_in(self, cwd: str | None) -> None:
        """It begins in this directory; None: in an unknown one."""
        self._base = cwd

    def starts_where(self, maker: "TracedProcess") -> None:
        """It begins where its maker is now; that may only be known later, so the maker is kept until then."""
        self._base = maker.directory(len(maker.moved))
        if self._base is None:
            self._born_of = maker, len(maker.moved)

    def cwd(self, program: int | None) -> str | None:
        """Where the program with this number began; None: where the process was at last."""
        return self.directory(len(self.moved) if program is None else self._moves_before[program])

    def directory(self, moves: int) -> str | None:
        """Where it was after so many moves; None if that is not known."""
        if self._born_of:
            maker, before = self._born_of
            self._base = maker.directory(before)
            if self._base is not None:
                self._born_of = None
        if moves > len(self.moved) or (self._base is None and not any(map(os.path.isabs, self.moved[:moves]))):
            return None
        return os.path.normpath(os.path.join(self._base or "/", *self.moved[:moves]))


def _is_wrapper(argv: list[str], following: list[str]) -> bool:
    """Whether a program is an exec or a shim of ours that becomes its command: it has nothing to add to it."""
    name = event.basename(argv[0])
    if name == "tracerd" and argv[1:2] == ["exec"]:
        return True
    return name == event.basename(following[0]) and argv[1:] == following[1:]
