"""Lies in what is recorded of git."""

from tests.mutants.mutant import Mutant

PROCESS = "tracerd/git_trace2/process.py"
LINE = "tracerd/git_trace2/line.py"
CONNECTION = "tracerd/git_trace2/connection.py"
STATE = "tracerd/core/state.py"
ENVIRONMENT = "tracerd/exec/environment.py"
CLIENT_TESTS = "tests/core/test_git_client.py"
STATE_TESTS = "tests/core/test_git_state.py"

GIT = [
    Mutant(
        "git is a client",
        "a stop does not wait for a process of git, whose hooks may hold its socket for long",
        STATE,
        "all(client.gone or client.git for client in",
        "all(client.gone for client in",
        (f"{STATE_TESTS}::test_the_daemon_does_not_wait_for_it",),
    ),
    Mutant(
        "git's trace never ends",
        "a trace ends, and its exports at exit are written, while a git of it still runs",
        STATE,
        "        self._end_unless_kept(git.trace_id, now_s)\n",
        "",
        (f"{STATE_TESTS}::test_its_trace_does_not_wait_for_it",),
    ),
    Mutant(
        "git's trace ends too early",
        "a trace with clients does not end because a git of it has ended",
        STATE,
        "        if not self.traces[trace_id].clients and ",
        "        if ",
        (f"{STATE_TESTS}::test_its_trace_lives_as_long_as_its_clients",),
    ),
    Mutant(
        "git's events on a full disk",
        "a trace does not end while events of git wait for room on the disk",
        STATE,
        "        self.ending.pop(append.trace_id, None)\n",
        "",
        (f"{STATE_TESTS}::test_a_full_disk_keeps_its_events_and_its_trace",),
    ),
    Mutant(
        "git's rejects",
        "lines of git that are refused are kept beside its trace",
        STATE,
        "            return self._receive_git(client, client.git, Meaning(refused=[refused]), now_s)\n",
        "            return self._refuse(client, refused)\n",
        (f"{STATE_TESTS}::test_lines_that_are_refused_are_kept_for_its_trace",),
    ),
    Mutant(
        "git's trace id",
        "the id of a git names no file outside the directory",
        CONNECTION,
        'if clean[:1] in ("", ".", "-"):',
        "if not clean:",
        (f"{CLIENT_TESTS}::test_the_trace_is_what_the_id_begins_with",),
    ),
    Mutant(
        "git's secrets",
        "no password of a URL that git writes is in a log",
        CONNECTION,
        " if redact.may_hold_secret(block) else block\n",
        " if not block else block\n",
        (f"{CLIENT_TESTS}::test_secrets_are_not_in_the_log",),
    ),
    Mutant(
        "git's command lines",
        "a secret that an argument names before it is not in a log",
        LINE,
        "    return redact.argv(words)\n",
        "    return words\n",
        (f"{CLIENT_TESTS}::test_secrets_are_not_in_the_log",),
    ),
    Mutant(
        "any header",
        "of http.extraHeader nothing is recorded, whatever the header is",
        "tracerd/redact/rules.py",
        'Rule((b"extraheader",), rb"',
        'Rule((b"nothing",), rb"',
        (f"{CLIENT_TESTS}::test_secrets_are_not_in_the_log",),
    ),
    Mutant(
        "cut secrets",
        "a long text is left out whole: half of a secret is not recognised",
        LINE,
        "    return text if len(text) <= MAX_TEXT else _TOO_LONG\n",
        "    return text[:MAX_TEXT]\n",
        (f"{CLIENT_TESTS}::test_long_texts_are_left_out_whole",),
    ),
    Mutant(
        "open regions",
        "the regions of a git that are open are limited",
        PROCESS,
        "        elif self._open >= MAX_OPEN or state.left_out:\n",
        "        elif state.left_out:\n",
        (f"{CLIENT_TESTS}::test_what_is_open_is_limited",),
    ),
    Mutant(
        "ends of what was left out",
        "the end of a region that was left out ends no other one",
        PROCESS,
        "            state.left_out -= 1\n",
        "            state.left_out = 0\n",
        (f"{CLIENT_TESTS}::test_what_is_open_is_limited",),
    ),
    Mutant(
        "times go back",
        "what git nests is nested, though the wall clock was set meanwhile",
        PROCESS,
        "        self._now_us = max(self._now_us, at_us)\n        if self._ended",
        "        self._now_us = at_us or self._now_us\n        if self._ended",
        (f"{CLIENT_TESTS}::test_times_never_go_back",),
    ),
    Mutant(
        "children for ever",
        "a child whose end git has not reported ends with its process",
        PROCESS,
        "        for number, name in self._children.items():\n",
        "        for number, name in ():\n",
        (f"{CLIENT_TESTS}::test_a_git_that_was_killed_has_begun_and_what_was_open_ends_with_its_last_line",),
    ),
    Mutant(
        "the background on the row of its process",
        "what a gc does in the background does not lie across the span of the process that has ended",
        PROCESS,
        "        self._main = BACKGROUND\n",
        "",
        (f"{CLIENT_TESTS}::test_what_goes_on_when_the_process_has_ended_has_a_row_of_its_own",),
    ),
    Mutant(
        "the monitor",
        "nothing is recorded of the monitor of a file system",
        PROCESS,
        "        self.is_ignored = is_monitor and not self._with_monitors\n",
        "        self.is_ignored = False\n",
        (f"{CLIENT_TESTS}::test_the_monitor_of_a_file_system_is_not_recorded",),
    ),
    Mutant(
        "unknown events",
        "events of git that are not known are counted, and not refused",
        PROCESS,
        "                self.unknown += 1\n",
        '                yield "unknown"\n',
        (f"{CLIENT_TESTS}::test_unknown_events_are_counted",),
    ),
    Mutant(
        "git elsewhere",
        "exec leaves git alone that writes to another place",
        ENVIRONMENT,
        "    if has_other_parent or given not in (None, os.fsencode(place)) or not",
        "    if has_other_parent or not",
        ("tests/exec/test_git.py::test_variables_that_are_set_stay",),
    ),
    Mutant(
        "command lines that are not to be recorded",
        "with --args name git does not record itself, which would write its command line",
        ENVIRONMENT,
        'environ.get(ARGS_VARIABLE) == b"full"',
        "environ",
        ("tests/exec/test_git.py::test_git_can_be_left_alone",),
    ),
]
