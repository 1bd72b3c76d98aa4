"""Lies in the Python client and the pytest plugin."""

from tests.mutants.mutant import Mutant

CONNECTION = "tracerd/client/connection.py"
OUTBOX = "tracerd/client/outbox.py"
CLIENT_FILE = "tracerd/client/client.py"
SPANS = "tracerd/client/spans.py"
RECORDER = "tracerd/pytest_plugin/recorder.py"

CLIENT = [
    Mutant(
        "descriptor of others",
        "a descriptor that has become another file's is not closed",
        CONNECTION,
        "            if self._is_ours(connection):\n                connection.close()",
        "            if connection:\n                connection.close()",
        ("tests/client/test_processes.py::test_a_descriptor_that_the_program_took_over_is_left_alone",),
    ),
    Mutant(
        "any OK",
        "flush is true only if all events are stored",
        CONNECTION,
        'return self._stored == b"%d" % self._events',
        "return bool(self._stored)",
        ("tests/client/test_flush.py::test_flush_is_true_if_every_event_is_stored",),
    ),
    Mutant(
        "lines of the parent",
        "a child does not write what waits in its parent",
        OUTBOX,
        "        self.connection.close()\n        self._reset()\n",
        "        self.connection.close()\n",
        ("tests/client/test_fork_exit.py::test_a_child_that_ends_at_once_keeps_what_it_recorded",),
    ),
    Mutant(
        "killed worker",
        "a process of multiprocessing writes at once, so that what kills it takes nothing",
        OUTBOX,
        "BUFFER_SIZE, True",
        "BUFFER_SIZE, False",
        ("tests/client/test_killed_workers.py::test_a_child_of_multiprocessing_that_dies_leaves_what_it_did",),
    ),
    Mutant(
        "lost connection",
        "a connection that was lost is reported in the trace",
        CONNECTION,
        "        self.lost = True",
        "        self.lost = False",
        ("tests/client/test_with_daemon.py::test_a_restart_loses_nothing_that_was_not_on_its_way",),
    ),
    Mutant(
        "part of a block",
        "a block that was sent in part is sent again, on a new connection",
        CONNECTION,
        "whole = self._socket.send(block, _FLAGS) == len(block)",
        "whole = self._socket.send(block, _FLAGS) > 0",
        ("tests/client/test_partial_send.py::test_what_was_sent_in_part_is_sent_again",),
    ),
    Mutant(
        "dropped again and again",
        "dropped events are reported once",
        OUTBOX,
        "        self._reported = dropped\n",
        "",
        ("tests/client/test_with_daemon.py::test_what_a_daemon_missed_is_told_when_it_returns",),
    ),
    Mutant(
        "daemon of another user",
        "the client sends nothing to a daemon of another user",
        CONNECTION,
        "            check_listener(connection)\n            greeting",
        "            greeting",
        ("tests/client/test_border.py::test_a_socket_of_another_user_gets_nothing",),
    ),
    Mutant(
        "pytest and another user",
        "pytest sends nothing to a daemon of another user",
        RECORDER,
        "            check_listener(connection)\n",
        "",
        ("tests/pytest_plugin/test_pytest_plugin.py::test_another_users_daemon_is_no_run",),
    ),
    Mutant(
        "crossing spans",
        "a span that ends before one that began later is not on its thread, where it would be dropped",
        SPANS,
        "number = self._id or (0 if self._leave(client.thread.stack) else client.next_id())",
        "number = self._id or (0 if self._leave(client.thread.stack) else 0)",
        ("tests/client/test_crossing_spans.py::test_all_of_them_are_seen",),
    ),
    Mutant(
        "killed program",
        "the open spans of a program that is killed are begun",
        OUTBOX,
        "if not self.full and (marks := self._owner.marks()):",
        "if self.full and (marks := self._owner.marks()):",
        ("tests/client/test_begin_marks.py::test_what_is_open_in_a_process_that_is_killed_is_begun",),
    ),
    Mutant(
        "killed test",
        "a test that ends its process is begun",
        RECORDER,
        "        self._client.push()  # a test that ends its process, or hangs, is seen as begun\n",
        "",
        ("tests/pytest_plugin/test_pytest_plugin.py::test_a_test_that_ends_its_process_is_named",),
    ),
    Mutant(
        "xfailed test",
        "a test that fails as it was expected to is no error",
        RECORDER,
        'outcome = "xfailed" if expected else report.outcome',
        'outcome = "failed" if expected else report.outcome',
        ("tests/pytest_plugin/test_pytest_plugin.py::test_all_processes_of_a_run_are_in_one_file",),
    ),
    Mutant(
        "border",
        "an argument whose methods raise does not raise into the program",
        CLIENT_FILE,
        "        except BaseException as error:  # TypeError, ",
        "        except Exception as error:  # TypeError, ",
        ("tests/client/test_border.py::test_a_value_whose_methods_raise_is_written_somehow",),
    ),
]
