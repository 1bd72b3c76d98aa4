"""Lies in what readers say."""

from tests.mutants.mutant import Mutant

REPLAY = "tracerd/replay/trace.py"
ROWS = "tests/replay/test_replay.py::test_each_row"
ERRORS = "tracerd/rows/error_events.py"
ERROR_TESTS = ("tests/view/test_groups.py::test_errors",)

READERS = [
    Mutant(
        "decimals of large times",
        "check names large times with decimals",
        REPLAY,
        "isinstance(ts, float) and ts >= COARSE_US and not ts.is_integer() and pid not in self._coarse",
        "isinstance(ts, float) and ts >= 2 * COARSE_US and not ts.is_integer() and pid not in self._coarse",
        (ROWS,),
    ),
    Mutant(
        "nanoseconds",
        "check names times in nanoseconds",
        "tracerd/replay/clocks.py",
        "abs(ts // 1000 - reading) <= HOUR_NS for reading in readings",
        "abs(ts // 1000 - reading) < 0 for reading in readings",
        (ROWS,),
    ),
    Mutant(
        "tid 0",
        "check names a tid 0 that is shown as another thread",
        "tracerd/replay/threads.py",
        "if other and other is not thread and other.is_used:",
        "if other and other is thread and other.is_used:",
        (ROWS,),
    ),
    Mutant(
        "no pid",
        "check names events without a pid",
        REPLAY,
        'if phase in "XBECstf" or (phase in "iIR" and event.s not in "gp"):',
        'if phase in "BECstf" or (phase in "iIR" and event.s not in "gp"):',
        (ROWS,),
    ),
    Mutant(
        "pid used twice",
        "check names two processes of one pid",
        REPLAY,
        "                if start >= end:\n",
        "                if start > end + 10**18:\n",
        (ROWS,),
    ),
    Mutant(
        "signal",
        "a signal is an error",
        ERRORS,
        "        or bool(signal)\n",
        "",
        ERROR_TESTS,
    ),
    Mutant(
        "skipped test",
        "a skipped test is no error",
        ERRORS,
        'if outcome in ("skipped", "xfailed"):',
        'if outcome in ("xfailed",):',
        ERROR_TESTS,
    ),
    Mutant(
        "tail and errors",
        "tail marks what show, stats and diff take for an error",
        "tracerd/view/event_text.py",
        "return len(args) > 2 and may_have_errors(bytes(args)) and is_error(args)",
        "return may_have_errors(bytes(args)) and False",
        ("tests/view/test_error_marks.py::test_the_four_agree",),
    ),
    Mutant(
        "controls in JSON",
        "JSON has no character that a terminal obeys",
        "tracerd/text.py",
        '    return _UNSAFE.sub(_json_escape, text.decode(errors="replace")).encode()',
        "    return text",
        ("tests/view/test_view_output.py::test_json_holds_no_character_that_a_terminal_obeys",),
    ),
    Mutant(
        "trace called latest",
        "a trace that is called as another name can be named",
        "tracerd/traces/stored.py",
        "if exact := [trace for trace in traces if trace.trace_id + SUFFIX == name]:",
        "if exact := [trace for trace in traces if trace.trace_id == name]:",
        ("tests/traces/test_traces.py::test_a_trace_whose_id_looks_like_another_name_can_be_named",),
    ),
    Mutant(
        "marks in check",
        "check takes a begin mark for no event",
        "tracerd/replay/player.py",
        "        if read_mark(line):\n            return\n",
        "",
        (ROWS,),
    ),
    Mutant(
        "tail and begun spans",
        "tail prints a span that never ended, and no other one, as begun",
        "tracerd/view/tail.py",
        "            self._ended.add(ended)\n",
        "            pass\n",
        ("tests/trace_json/test_begin_marks.py::test_tail_prints_what_ended_and_what_never_ended",),
    ),
    Mutant(
        "search and escapes",
        "a text is found however its JSON is written",
        "tracerd/rows/text_search.py",
        "            needles.append(_ESCAPE)\n",
        "            pass\n",
        ("tests/rows/test_text_search.py::test_what_may_be_written_in_several_ways",),
    ),
    Mutant(
        "search and marks",
        "a begin mark is no clock line",
        "tracerd/rows/clock_lines.py",
        "if readings := decode_clock(line):",
        "if (readings := decode_clock(line)) or line:",
        ("tests/view/test_search_command.py::test_a_begin_mark_does_not_hide_the_clock",),
    ),
    Mutant(
        "merged windows",
        "the last value of merged windows is that of the latest time",
        "tracerd/query/windows.py",
        "if later.last_at >= self.last_at:",
        "if True:",
        ("tests/query/test_windows.py::test_each_function_is_that_of_all_values_of_a_window",),
    ),
]
