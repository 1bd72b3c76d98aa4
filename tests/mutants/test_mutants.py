"""The list of mutants is true of the code, and what is said of a mutant is true of its tests."""

import ast
from dataclasses import replace

import pytest

from tests.harness import ROOT
from tests.mutants.lists import MUTANTS
from tests.mutants.mutant import Copy, Mutant


def functions(path: str) -> set[str]:
    """The names of the functions in a file."""
    return {
        node.name
        for node in ast.walk(ast.parse((ROOT / path).read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_each_mutant_changes_what_is_there_and_names_tests_that_there_are() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
    for mutant in MUTANTS:
        text = (ROOT / mutant.path).read_text()
        assert mutant.put_into(text) != text
        for test in mutant.tests:
            path, _, name = test.partition("::")
            assert name.partition("[")[0] in functions(path), test


FALSE_SUM = Mutant(
    "false sum",
    "the sum is right",
    "sums.py",
    "a + b",
    "a * b",
    ("test_code.py::test_sum_of_different_numbers",),
)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """A copy of a repository with a function and tests of it."""
    root = tmp_path_factory.mktemp("repository")
    (root / "sums.py").write_text("def total(a: int, b: int) -> int:\n    return a + b\n")
    (root / "test_code.py").write_text(
        "import pytest\n"
        "from sums import total\n"
        "def test_sum_of_different_numbers():\n    assert total(2, 3) == 5\n"
        "def test_sum_of_twos():\n    assert total(2, 2) == 4\n"
        "def test_skipped():\n    pytest.skip('not here')\n"
    )
    return Copy(root, tmp_path_factory.mktemp("copies") / "one")


@pytest.mark.parametrize(
    ("test", "verdict"),
    [
        ("test_sum_of_different_numbers", "dies"),
        ("test_sum_of_twos", "lives"),
        ("test_skipped", "skipped"),
        ("test_that_is_not_there", "no verdict"),
    ],
)
def test_the_verdict_is_that_of_the_tests(copy: Copy, test: str, verdict: str) -> None:
    mutant = replace(FALSE_SUM, tests=(f"test_code.py::{test}",))
    assert copy.run(mutant).verdict == verdict
    assert (copy.root / "sums.py").read_text().endswith("a + b\n"), "the copy is left without it"


def test_a_mutant_that_breaks_the_file_is_no_test_that_noticed(copy: Copy) -> None:
    assert copy.run(replace(FALSE_SUM, new="a +")).verdict == "no verdict"


@pytest.mark.parametrize("old", ["a - b", "a"])
def test_a_mutant_whose_text_is_not_there_once_is_an_error(copy: Copy, old: str) -> None:
    with pytest.raises(ValueError, match="its old text is"):
        copy.run(replace(FALSE_SUM, old=old))
