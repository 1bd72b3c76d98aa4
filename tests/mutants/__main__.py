"""`python -m tests.mutants [NAME...]`: put each lie into a copy of the tree, run its tests, name those that live."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import click

from tests.harness import ROOT
from tests.mutants.lists import MUTANTS
from tests.mutants.mutant import Copy, Mutant, Result


def chosen(names: tuple[str, ...]) -> list[Mutant]:
    """The mutants of which a name holds one of these words; all without one."""
    return [mutant for mutant in MUTANTS if not names or any(name in mutant.name for name in names)]


def failing(copies: list[Copy], mutants: Iterable[Mutant]) -> set[str]:
    """Those of their tests that fail without a mutant: nothing follows from them."""
    tests = list(dict.fromkeys(test for mutant in mutants for test in mutant.tests))
    shares = [tests[number :: len(copies)] for number in range(len(copies))]
    failed: set[str] = set()
    with ThreadPoolExecutor(len(copies)) as threads:
        for result in threads.map(Copy.test, copies, shares):
            if result.verdict == "no verdict":
                raise click.ClickException(f"the tests do not run:\n{result.output}")
            failed.update(result.failed())
    return failed


@click.command(help=__doc__)
@click.argument("names", nargs=-1)
@click.option("--list", "only_list", is_flag=True, help="Only list them, with what is true without them.")
@click.option("--jobs", type=click.IntRange(min=1), default=os.cpu_count() or 1, show_default=True)
@click.option("-v", "--verbose", is_flag=True, help="Print what pytest says of those that die, too.")
def main(names: tuple[str, ...], only_list: bool, jobs: int, verbose: bool) -> None:
    """See the head of this file."""
    mutants = chosen(names)
    if only_list:
        for mutant in mutants:
            click.echo(f"{mutant.name}: {mutant.promise}")
        return
    home = Path(tempfile.mkdtemp(prefix="mutants-"))
    try:
        copies: SimpleQueue[Copy] = SimpleQueue()
        made = [Copy(ROOT, home / f"{number}") for number in range(min(jobs, len(mutants)))]
        for copy in made:
            copies.put(copy)
        failed = failing(made, mutants)

        def judge(mutant: Mutant) -> Result:
            if useless := failed.intersection(test.partition("[")[0] for test in mutant.tests):
                return Result("no verdict", f"{', '.join(useless)} fails without it, too")
            copy = copies.get()
            try:
                return copy.run(mutant)
            except ValueError as error:
                return Result("no verdict", str(error))
            finally:
                copies.put(copy)

        with ThreadPoolExecutor(jobs) as threads:
            results = threads.map(judge, mutants)
            noticed = [report(mutant, result, verbose) for mutant, result in zip(mutants, results, strict=True)]
    finally:
        shutil.rmtree(home, ignore_errors=True)
    click.echo(f"{len(mutants)} mutants, {noticed.count(False)} not noticed")
    sys.exit(not all(noticed))


def report(mutant: Mutant, result: Result, verbose: bool) -> bool:
    """Print what became of a mutant; whether that is as it should be."""
    click.echo(f"{result.verdict:10}  {mutant.name}: {mutant.promise}")
    noticed = result.verdict in ("dies", "skipped")
    if verbose or not noticed:
        click.echo(result.output)
    return noticed


main()
