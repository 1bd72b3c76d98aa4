"""Lies in what decides and does no I/O."""

from tests.mutants.mutant import Mutant

PROTOCOL = "tracerd/core/protocol.py"
STATE = "tracerd/core/state.py"
CLIENTS = "tracerd/core/clients.py"
EXIT_PATHS = "tracerd/core/exit_paths.py"
MARKS = "tracerd/trace_json/begin_marks.py"
SCANNER = "tracerd/_speedups.c"

CORE = [
    Mutant(
        "last event",
        "the last event of a connection may lack its newline",
        PROTOCOL,
        'for message in self._decode(line + b"\\n")',
        "for message in self._decode(line)",
        ("tests/core/test_protocol.py::test_the_last_event_may_lack_its_newline",),
    ),
    Mutant(
        "NUL in a path",
        "a path with a NUL is refused",
        PROTOCOL,
        ' or b"\\0" in rest',
        "",
        ("tests/core/test_protocol.py::test_a_bad_line_is_a_value_with_its_number_and_a_reason",),
    ),
    Mutant(
        "right neighbours",
        "a bad line costs none of the lines after it",
        PROTOCOL,
        "        todo.append(right if right_count is None else Events(right, right_count))",
        "        todo.extend([right] if right_count is None else [])",
        ("tests/core/test_protocol.py::test_a_bad_line_among_many_costs_its_neighbours_nothing",),
    ),
    Mutant(
        "own line",
        "a line that begins as the daemon's own is refused",
        PROTOCOL,
        "if not line.startswith(OWN_PREFIXES):",
        "if not line.startswith(CLOCK_PREFIX):",
        ("tests/core/test_protocol.py::test_lines_of_the_daemons_own_are_refused_from_clients",),
    ),
    Mutant(
        "own line in C",
        "the scanner in C stops at such a line",
        SCANNER,
        '|| begins_with(p, "rd: ");',
        ";",
        (
            (
                "tests/core/test_speedups.py::"
                "test_lines_of_the_daemons_own_are_not_plain_and_those_that_nearly_begin_so_are"
            ),
        ),
    ),
    Mutant(
        "own line in a block",
        "without the scanner, a block that holds such a line is checked line by line",
        "tracerd/core/lines.py",
        "    if has_own_line(block):\n        return None\n",
        "",
        ("tests/core/test_protocol.py::test_lines_of_the_daemons_own_are_refused_from_clients",),
    ),
    Mutant(
        "end before what waits",
        "a trace does not end while its events wait",
        STATE,
        "if not self.traces[trace_id].clients and trace_id not in self.pending.traces:",
        "if not self.traces[trace_id].clients:",
        (
            (
                "tests/core/test_state.py::"
                "test_what_waits_is_acknowledged_when_it_is_written_and_the_trace_does_not_end_before"
            ),
        ),
    ),
    Mutant(
        "exports of those present",
        "clients that are here keep their exports at exit when the log is removed",
        EXIT_PATHS,
        "for path, by in asked.items() if not by.gone}",
        "for path, by in asked.items() if by.gone}",
        ("tests/core/test_trace_end.py::test_exports_at_exit_of_those_who_are_here_outlive_the_log",),
    ),
    Mutant(
        "repaired",
        "repaired events are counted",
        STATE,
        "totals.repaired += events.repaired",
        "totals.repaired += 0",
        ("tests/core/test_state.py::test_events_are_counted_for_client_trace_and_daemon",),
    ),
    Mutant(
        "answer before an export",
        "the answer to FLUSH waits for the exports that were asked for before it",
        CLIENTS,
        "last_export = next(reversed(self.exports), 0) if isinstance(message, Flush) else 0",
        "last_export = 0",
        ("tests/core/test_state.py::test_ok_waits_for_the_exports_asked_before_it_and_no_others",),
    ),
    Mutant(
        "lost",
        "lost events are counted",
        STATE,
        "totals.lost += append.events.count",
        "totals.lost += 0",
        ("tests/core/test_state.py::test_what_cannot_be_written_is_lost_and_reported",),
    ),
    Mutant(
        "limit of answers",
        "a connection has so many answers waiting at most",
        CLIENTS,
        "if len(self.replies) >= MAX_REPLIES:",
        "if len(self.replies) > MAX_REPLIES:",
        ("tests/core/test_state.py::test_answers_that_wait_behind_an_export_are_limited",),
    ),
    Mutant(
        "limit of exports",
        "a connection has so many exports waiting at most",
        CLIENTS,
        "len(self.exports) >= MAX_EXPORTS",
        "len(self.exports) > MAX_EXPORTS",
        ("tests/core/test_state.py::test_exports_that_wait_are_limited",),
    ),
    Mutant(
        "limit of paths",
        "a trace has so many exports at exit at most",
        EXIT_PATHS,
        "if len(paths) >= MAX_EXIT_PATHS:",
        "if len(paths) > MAX_EXIT_PATHS:",
        ("tests/core/test_state.py::test_paths_of_exports_at_exit_are_limited_for_a_trace_and_for_a_client",),
    ),
    Mutant(
        "limit of paths of a client",
        "a connection adds so many exports at exit at most, however many traces it opens",
        EXIT_PATHS,
        "            client.exit_paths += 1\n",
        "",
        ("tests/core/test_state.py::test_paths_of_exports_at_exit_are_limited_for_a_trace_and_for_a_client",),
    ),
    Mutant(
        "begun and ended",
        "a span that ended is not shown as begun",
        MARKS,
        "self._open.pop(found[1].decode(), None)",
        "self._open.get(found[1].decode())",
        ("tests/trace_json/test_begin_marks.py::test_an_export_holds_what_ended_as_without_marks",),
    ),
    Mutant(
        "begun and not ended",
        "a span that never ended is shown as begun",
        MARKS,
        "        for mark in self._open.values():",
        "        for mark in list(self._open.values())[1:]:",
        ("tests/trace_json/test_begin_marks.py::test_an_export_holds_what_ended_as_without_marks",),
    ),
    Mutant(
        "mark inside an event",
        "an event that holds the text of a mark is no mark",
        MARKS,
        "if start == 0 or found.string[start - 1] == _NEWLINE else None",
        "if start >= 0 else None",
        ("tests/trace_json/test_begin_marks.py::test_an_export_holds_what_ended_as_without_marks",),
    ),
    Mutant(
        "lines of marks",
        "a mark that is taken out leaves the numbers of the other lines as they are",
        MARKS,
        "        return PASSED_OVER\n",
        '        return b""\n',
        ("tests/trace_json/test_begin_marks.py::test_lines_that_are_left_out_keep_their_numbers",),
    ),
    Mutant(
        "limit of marks",
        "so many open spans are kept at most",
        MARKS,
        "if len(self._open) < MAX_OPEN or mark.id in self._open:",
        "if mark.id or mark.id in self._open:",
        ("tests/trace_json/test_begin_marks.py::test_no_more_than_so_many_are_kept",),
    ),
]
