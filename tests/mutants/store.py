"""Lies in what keeps files, and in what writes a trace.json."""

from tests.mutants.mutant import Mutant

LOG = "tracerd/store/log.py"
FILES = "tracerd/store/files.py"
REJECTS = "tracerd/store/rejects.py"
RETENTION = "tracerd/traces/retention.py"
TEMPORARY = "tracerd/store/temporary.py"
EXPORT = "tracerd/trace_json/export.py"
TARGET = "tracerd/trace_json/target.py"
PACKED = "tracerd/store/packed.py"
PERFETTO = "tracerd/trace_json/perfetto.py"

STORE = [
    Mutant(
        "undo",
        "a write that was cut short is undone",
        LOG,
        "        os.ftruncate(self.fd, self.size)\n        self.torn = 0",
        "        self.torn = 0",
        ("tests/store/test_log.py::test_a_failed_write_leaves_no_part_of_a_line",),
    ),
    Mutant(
        "sync of a name",
        "the name of a log is brought to the disk, too",
        LOG,
        "            sync_directory(self.path.parent)",
        "            pass",
        ("tests/daemon/test_appender.py::test_fsync",),
    ),
    Mutant(
        "sync error",
        "a log that was once not brought to the disk stays so",
        LOG,
        "self._sync_error = error",
        "self._sync_error = None",
        ("tests/store/test_log.py::test_a_log_that_was_once_not_brought_to_the_disk_is_not_there",),
    ),
    Mutant(
        "short write",
        "a write that was cut short goes on, or fails",
        LOG,
        "while written < len(block):",
        "while False:",
        ("tests/store/test_log.py::test_a_failed_write_leaves_no_part_of_a_line",),
    ),
    Mutant(
        "long torn line",
        "of a long torn line only the beginning is read",
        LOG,
        "os.pread(self.fd, min(self.size - start, MAX_TAIL_BYTES + 1), start)",
        "os.pread(self.fd, self.size - start, start)",
        ("tests/store/test_log.py::test_of_a_torn_line_of_any_size_only_the_begin_is_read",),
    ),
    Mutant(
        "opened while removed",
        "a log that is removed while it is opened is begun anew",
        FILES,
        "            if is_file_at(path, fd):\n                return fd",
        "            if fd >= 0:\n                return fd",
        ("tests/traces/test_clear_races.py::test_who_opens_while_it_is_removed_begins_anew",),
    ),
    Mutant(
        "error of close",
        "a close that reports an error raises nothing",
        FILES,
        "    try:\n        os.close(fd)\n    except OSError as error:\n        return error.strerror or str(error)\n",
        "    os.close(fd)\n",
        ("tests/faults/test_failing_calls.py::test_a_close_that_fails_is_reported_as_data_lost",),
    ),
    Mutant(
        "refused before a kill",
        "lines that a killed daemon has refused are counted",
        REJECTS,
        "max(record.refused, lines)",
        "record.refused",
        (
            "tests/traces/test_traces.py::test_a_torn_line_counts_once_and_so_does_what_a_killed_daemon_refused_before_it",
        ),
    ),
    Mutant(
        "half a record",
        "a record of counts that was cut short is an error, and is written again",
        REJECTS,
        "if written < len(entry):",
        "if written < 0:",
        ("tests/store/test_log.py::test_half_a_record_is_an_error_and_is_ended_before_the_next_entry",),
    ),
    Mutant(
        "written since",
        "a trace that was written since it was listed is not removed",
        RETENTION,
        "if stored_trace(trace.path) != (trace if locked else None):",
        "if not locked and stored_trace(trace.path):",
        ("tests/traces/test_clear_races.py::test_a_trace_written_since_it_was_listed_stays",),
    ),
    Mutant(
        "order of removal",
        "the rejects are removed before the log",
        RETENTION,
        "for path in reversed(locked):",
        "for path in locked:",
        ("tests/traces/test_clear_races.py::test_a_removal_that_fails_half_way_leaves_no_rejects_without_their_log",),
    ),
    Mutant(
        "lock of what has gone",
        "a lock counts only if the file is still in its place",
        RETENTION,
        "if not is_file_at(path, fd):",
        "if fd < 0:",
        ("tests/traces/test_clear_races.py::test_a_log_that_was_replaced_before_it_was_locked_stays",),
    ),
    Mutant(
        "rename before sync",
        "an export is on the disk before it takes the place of the old file",
        TEMPORARY,
        "        os.fsync(fd)\n",
        "",
        ("tests/trace_json/test_export.py::test_an_export_is_on_the_disk_before_it_has_its_name",),
    ),
    Mutant(
        "temporary file",
        "an export that fails leaves no temporary file",
        TEMPORARY,
        "            os.unlink(temporary)",
        "            pass",
        ("tests/trace_json/test_export.py::test_an_export_given_up_leaves_the_old_file_and_nothing_else",),
    ),
    Mutant(
        "killed exports",
        "temporary files of killed exports are removed",
        TEMPORARY,
        "    _remove_abandoned(directory)\n",
        "",
        (
            (
                "tests/trace_json/test_export.py::"
                "test_temporary_files_of_killed_exports_are_removed_by_the_next_beside_them"
            ),
        ),
    ),
    Mutant(
        "young temporary files",
        "a temporary file that was written lately stays",
        TEMPORARY,
        " and time.time() - status.st_mtime > ABANDONED_S",
        "",
        (
            (
                "tests/trace_json/test_export.py::"
                "test_temporary_files_of_killed_exports_are_removed_by_the_next_beside_them"
            ),
        ),
    ),
    Mutant(
        "locked temporary files",
        "a temporary file that an export has locked stays",
        TEMPORARY,
        "        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)\n",
        "",
        (
            (
                "tests/trace_json/test_export.py::"
                "test_temporary_files_of_killed_exports_are_removed_by_the_next_beside_them"
            ),
        ),
    ),
    Mutant(
        "mode of an export",
        "an export keeps the mode of the file that it replaces",
        EXPORT,
        "            _keep_mode(fd, target)\n",
        "",
        ("tests/trace_json/test_export.py::test_a_new_file_has_the_mode_of_the_umask_and_an_old_one_keeps_its_own",),
    ),
    Mutant(
        "counts after the snapshot",
        "an export counts what was refused before it, and no more",
        EXPORT,
        "read_rejects(rejects_path(source.path), source.rejects_length, source.refused)",
        "read_rejects(rejects_path(source.path), None, source.refused)",
        ("tests/trace_json/test_export.py::test_only_the_snapshot_is_exported",),
    ),
    Mutant(
        "a directory's path",
        "a path that ends in a slash is refused",
        TARGET,
        'if os.path.basename(path) in ("", ".", ".."):',
        'if os.path.basename(path) in (".", ".."):',
        ("tests/trace_json/test_export.py::test_a_path_that_names_a_directory_is_refused",),
    ),
    Mutant(
        "large exponents",
        "a number that Perfetto cannot read is left out",
        PERFETTO,
        "_fill(event, pairs) or _unreadable(event) or _misread_number(checked)",
        "_fill(event, pairs) or _unreadable(event)",
        ("tests/trace_json/test_perfetto_text.py::test_what_perfetto_misreads_does_not_reach_it",),
    ),
    Mutant(
        "nulls of counters",
        "a counter with a null is looked at by itself",
        PERFETTO,
        '    if any(event.ph == COUNTER for event in events) and b"null" in block:\n        return None\n',
        "",
        ("tests/trace_json/test_perfetto_text.py::test_what_perfetto_misreads_does_not_reach_it",),
    ),
    Mutant(
        "repeated keys",
        "each value of a repeated key is checked",
        PERFETTO,
        "    for key, value in pairs:",
        "    for key, value in dict(pairs).items():",
        ("tests/core/test_lines.py::test_bad_event_is_left_out_with_a_reason",),
    ),
    Mutant(
        "packed twice",
        "lines that were packed while a reader opened the trace are read once",
        PACKED,
        " or opened.start or is_file_at(path, opened.log_fd):",
        " or opened.start or True:",
        ("tests/traces/test_packed_meanwhile.py::test_what_is_packed_twice_is_read_once",),
    ),
]
