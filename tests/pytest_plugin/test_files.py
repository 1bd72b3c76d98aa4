"""`pytest --tracerd=FILE`: what it shows of files, when they are collected and when their tests run."""

from tests.harness import Daemon
from tests.perfetto.judge import Judge
from tests.pytest_plugin.test_pytest_plugin import run, spans

FIRST = """
def test_three():
    pass

def test_four():
    pass
"""


def test_each_file_has_a_span_around_its_tests_and_one_of_its_collection(daemon: Daemon, perfetto: Judge) -> None:
    home = daemon.dir.parent
    (home / "test_another.py").write_text("def test_one():\n    pass\n\ndef test_two():\n    pass\n")
    (home / "test_broken.py").write_text("import no_such_module\n")
    options = ("--tracerd=trace.json", "--continue-on-collection-errors", "test_another.py", "test_broken.py")
    run(home, daemon.socket, FIRST, *options)
    sql = (
        "select s.name, above.name from slice s join slice above on s.parent_id = above.id"
        " where s.cat in ('file', 'collect', 'test') order by s.ts"
    )
    [rows], problems = perfetto.examine(home / "trace.json", sql)
    assert problems == {}
    files = ["test_project.py", "test_another.py", "test_broken.py"]
    tests = [("test_project.py", "three"), ("test_project.py", "four")]
    tests += [("test_another.py", "one"), ("test_another.py", "two")]
    assert sorted((str(name), str(above)) for name, above in rows) == sorted(
        [
            *((f"collect {file}", "collect") for file in files),
            *((file, "run") for file in files[:2]),
            *((f"{file}::test_{name}", file) for file, name in tests),
        ]
    )
    failed = [event["name"] for event in spans(home) if event.get("args") == {"outcome": "failed"}]
    assert failed == ["collect test_broken.py"]
