"""Lies in what reads, writes and answers."""

from tests.mutants.mutant import Mutant

SERVER = "tracerd/daemon/server.py"
INTAKE = "tracerd/daemon/intake.py"
BARRIER = "tracerd/daemon/barrier.py"
APPENDER = "tracerd/daemon/appender.py"
TRACE_FILES = "tracerd/daemon/trace_files.py"

BARRIER_TESTS = (
    "test_barrier.py::test_emit_tef_holds_all_that_children_wrote_before_they_exited",
    "test_barrier.py::test_families_at_the_same_time_do_not_mix",
    "test_barrier_under_load.py::test_endless_stream_of_new_clients_does_not_delay_an_export",
    "test_barrier_under_load.py::test_endless_stream_of_new_clients_does_not_delay_an_export_at_exit",
    "test_barrier_under_load.py::test_export_while_a_client_writes_is_a_prefix_with_all_that_was_written",
    "test_barrier.py::test_export_holds_the_events_of_clients_not_accepted_yet",
    "test_barrier.py::test_export_holds_what_fills_the_buffers_of_many_clients",
    "test_barrier.py::test_export_holds_what_a_recv_ends_early_for",
)
"""Each of them must notice that there is no barrier. In the one that is missing, the grace of a trace does as much."""

NO_BARRIER = [
    Mutant(
        f"no barrier {number}",
        "an export takes in what was written before it was asked for",
        SERVER,
        "        complete = await self._accept_waiting(self._listeners)\n"
        "        await barrier.read_waiting(self._connections.values(), self._intake.read)\n",
        "        complete = True\n",
        (f"tests/daemon/{test}",),
    )
    for number, test in enumerate(BARRIER_TESTS, 1)
]

DAEMON = [
    *NO_BARRIER,
    Mutant(
        "barrier reads nothing",
        "the barrier reads what waits",
        SERVER,
        "        await barrier.read_waiting(self._connections.values(), self._intake.read)\n",
        "",
        ("tests/daemon/test_barrier.py::test_export_holds_what_fills_the_buffers_of_many_clients",),
    ),
    Mutant(
        "barrier accepts nothing",
        "the barrier accepts who waits",
        SERVER,
        "        complete = await self._accept_waiting(self._listeners)\n        await barrier.read_waiting",
        "        complete = True\n        await barrier.read_waiting",
        ("tests/daemon/test_barrier.py::test_export_holds_the_events_of_clients_not_accepted_yet",),
    ),
    Mutant(
        "barrier accepts one fewer",
        "the barrier accepts as many as may wait: one more than the backlog",
        BARRIER,
        "left = backlog + 1",
        "left = backlog",
        ("tests/daemon/test_accept_waiting.py::test_a_full_queue_is_accepted_to_its_last_connection",),
    ),
    Mutant(
        "barrier reads once",
        "the barrier reads on where a recv ended early",
        BARRIER,
        "            if not read(connection):\n                break\n            await trio.lowlevel.checkpoint()\n",
        "            read(connection)\n            break\n",
        ("tests/daemon/test_barrier.py::test_export_holds_what_a_recv_ends_early_for",),
    ),
    Mutant(
        "passed sockets at the stop",
        "exports at the stop hold what waits in the queue of a passed socket",
        SERVER,
        "if self._performer.exports or self._state.exit_paths.any_of(self._state.traces):",
        "if self._performer.exports and self._state.exit_paths.any_of(self._state.traces):",
        ("tests/service/test_passed_sockets.py::test_exports_at_the_stop_hold_what_waits_in_the_queue",),
    ),
    Mutant(
        "export before what waits",
        "an export writes what waits for its log first",
        SERVER,
        "            self._perform(self._appender.retry(export.trace_id))\n            if missing :=",
        "            if missing :=",
        ("tests/daemon/test_full_disk.py::test_an_export_holds_what_waited_as_soon_as_there_is_room",),
    ),
    Mutant(
        "trace that may end again",
        "a trace of which nothing waits any more ends",
        SERVER,
        "                self._intake.check_for_ends()\n",
        "",
        ("tests/daemon/test_full_disk.py::test_a_trace_ends_and_is_exported_when_what_waits_has_been_written",),
    ),
    Mutant(
        "any user",
        "a client of another user is refused",
        INTAKE,
        "if peer.uid not in self._welcome:",
        "if peer.uid in ():",
        ("tests/store/test_access.py::test_another_user_can_neither_connect_nor_read_nor_list",),
    ),
    Mutant(
        "the log that lines flow to",
        "a log that was removed is begun anew though lines flow to it past Python",
        TRACE_FILES,
        " or time.monotonic() >= log.check_at_s:\n            return None",
        ":\n            return None",
        ("tests/daemon/test_appender.py::test_a_log_that_is_renamed_is_begun_anew",),
    ),
    Mutant(
        "longest unfinished line",
        "unfinished lines have a limit together",
        INTAKE,
        "if self._unfinished_bytes > self._max_unfinished_bytes:",
        "if self._unfinished_bytes < 0:",
        ("tests/daemon/test_unfinished_lines.py::test_unfinished_lines_have_a_limit_together",),
    ),
    Mutant(
        "unfinished lines of those who leave",
        "a client that leaves gives back what its unfinished line took",
        INTAKE,
        "if (unfinished := len(reader.partial)) != connection.unfinished_bytes:",
        "if connection.reading and (unfinished := len(reader.partial)) != connection.unfinished_bytes:",
        ("tests/daemon/test_unfinished_lines.py::test_clients_that_leave_inside_a_line_take_no_room",),
    ),
    Mutant(
        "client given up",
        "a client that is given up leaves its trace",
        INTAKE,
        "            self._state.disconnect(connection.client, trio.current_time())  # its replies have nowhere to go",
        "            pass",
        ("tests/daemon/test_given_up.py::test_a_client_in_whose_handling_a_bug_was_met_has_left",),
    ),
    Mutant(
        "unfinished line of a client given up",
        "a client that is given up gives back what its unfinished line took",
        INTAKE,
        "        self._unfinished_bytes -= connection.unfinished_bytes\n        self._performer",
        "        self._performer",
        ("tests/daemon/test_given_up.py::test_a_client_that_is_given_up_inside_a_line_takes_no_room",),
    ),
    Mutant(
        "end that is reported again",
        "a client that has written all is not read from again",
        INTAKE,
        "                self._readable.remove(connection)\n                if self._state",
        "                if self._state",
        ("tests/daemon/test_replies.py::test_client_that_has_written_all_and_reads_no_answers_is_waited_for_asleep",),
    ),
    Mutant(
        "turns",
        "a block of many messages lets others take turns",
        INTAKE,
        "for _ in range(min(len(messages), MESSAGES_PER_TURN)):",
        "for _ in range(len(messages)):",
        ("tests/faults/test_floods.py::test_many_messages_in_one_block_let_others_take_turns",),
    ),
    Mutant(
        "clock line before it is written",
        "a log whose first write failed has a clock line all the same",
        TRACE_FILES,
        "        writer.append(block)\n        self._clocked.add(trace_id)\n",
        "        self._clocked.add(trace_id)\n        writer.append(block)\n",
        ("tests/daemon/test_full_disk.py::test_a_trace_that_begins_on_a_full_disk_begins_with_its_clock",),
    ),
    Mutant(
        "fifteenth append",
        "each append is written",
        TRACE_FILES,
        "        writer.append(block)\n        self._clocked.add(trace_id)\n",
        "        if hash(block) % 15:\n            writer.append(block)\n        self._clocked.add(trace_id)\n",
        ("tests/faults/test_soak.py::test_nothing_grows_and_the_counters_add_up",),
    ),
    Mutant(
        "totals that were not recorded",
        "totals that could not be recorded come with the next record",
        TRACE_FILES,
        "                self._unrecorded[trace_id] = totals  # for the next record\n",
        "",
        ("tests/daemon/test_trace_files.py::test_totals_that_could_not_be_recorded_come_with_the_next_record",),
    ),
    Mutant(
        "sync of one log",
        "before an OK each log is brought to the disk",
        TRACE_FILES,
        "for log in self._logs.values():",
        "for log in list(self._logs.values())[:1]:",
        ("tests/daemon/test_appender.py::test_every_log_is_on_the_disk_before_an_ok",),
    ),
    Mutant(
        "sync at the close",
        "a log is brought to the disk when it is closed",
        TRACE_FILES,
        'if trace_id in self._logs and self._fsync != "never":',
        'if trace_id in self._logs and self._fsync == "never":',
        ("tests/daemon/test_appender.py::test_fsync",),
    ),
    Mutant(
        "rejects of a removed log",
        "the rejects of a log that was removed are begun anew with it",
        TRACE_FILES,
        "        self._close(trace_id)\n        return self._open(trace_id)\n",
        "        self._logs.pop(trace_id).writer.close()\n        return self._open(trace_id)\n",
        ("tests/daemon/test_trace_files.py::test_the_rejects_of_a_removed_trace_are_begun_anew_with_its_log",),
    ),
    Mutant(
        "mark of lost events",
        "a line marks where events are missing",
        APPENDER,
        "        if waiting.lost:\n            try:",
        "        if waiting.lost < 0:\n            try:",
        ("tests/daemon/test_full_disk.py::test_what_finds_no_room_is_lost_counted_and_marked_where_it_is_missing",),
    ),
    Mutant(
        "complete at the stop",
        "an export at the stop is incomplete if events were lost",
        APPENDER,
        "            self._state.pending_done(trace_id, trio.current_time())\n        return actions\n\n    def _warn",
        "            self._state.pending_done(trace_id, trio.current_time())\n"
        "            self._missing.clear()\n        return actions\n\n    def _warn",
        ("tests/daemon/test_full_disk.py::test_what_still_waits_at_the_stop_is_said_to_be_lost",),
    ),
    Mutant(
        "without /proc",
        "events are stored without /proc",
        "tracerd/store/own_lines.py",
        "    except OSError:  # no /proc: an event is stored all the same",
        "    except ValueError:",
        ("tests/daemon/test_appender.py::test_events_are_stored_without_proc",),
    ),
]
