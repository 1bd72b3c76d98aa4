# What a developer runs. `just` comes with the extra `dev`; without it, copy the line.

export PATH := justfile_directory() / ".venv/bin" + ":" + env("PATH")

# List what there is.
default:
    @just --list

# Install tracerd from this checkout, with all that its tests and its gate need.
install:
    python3 -m venv .venv
    .venv/bin/pip install --quiet -e '.[test,dev]'

# The tests that start no process: less than a minute.
fast *options:
    pytest -n auto -m 'not processes and not long and not tools' {{options}}

# All tests; of what takes minutes, a tenth.
test *options:
    pytest -n auto {{options}}

# The tests that need browsers, compilers or build tools.
tools *options:
    pytest -n auto -m tools {{options}}

# The whole of what takes minutes, and hours; random examples by the thousand.
long *options:
    pytest -m long {{options}}
    pytest -n auto --hypothesis-profile long tests/core tests/replay tests/store tests/trace_json tests/view {{options}}

# Format, lint, types, imports, spelling, the book: what needs no run.
lint:
    ruff format --check .
    ruff check .
    # Where there is something for it. Not the client: it knows no Trio, and keeps every exception from the program.
    flake8-async --startable-in-context-manager stop_at_signal $(git grep -lE 'async |trio' -- '*.py' ':!tracerd/client')
    mypy
    pyright --pythonpath .venv/bin/python
    lint-imports
    codespell $(git ls-files)  # what is in the repository, not what a command left beside it
    mkdocs build --strict --quiet --site-dir "$(mktemp -d)"

# Put small lies into a copy of the tree, one after the other: which of them does no test notice?
mutants *names:
    python -m tests.mutants {{names}}

# How much of the core, the store and the rows is run; fails below what it should be.
coverage: coverage-run coverage-report

[private]
coverage-run:
    coverage erase
    # Not what another user runs, who may not write the data here; and not what only starts other programs for long.
    coverage run -m pytest -n auto -k 'not users_daemon and not perfetto and not sanitizers' tests/core tests/exporters tests/rows tests/store tests/trace_json tests/traces tests/view

[private]
coverage-report:
    coverage combine --quiet
    rm -f .coverage.*  # of processes that were killed while they wrote theirs
    coverage report --include 'tracerd/core/*' --fail-under 96
    coverage report --include 'tracerd/store/*,tracerd/traces/*' --fail-under 90
    coverage report --include 'tracerd/rows/*' --fail-under 95

# What a change must pass: all of it, on a clean clone of the last commit.
gate:
    .ci/run

# The benchmark, at a scale that takes a minute; `just bench --help` has the rest.
bench *options='--runs 1 --scale 0.05':
    python -m bench {{options}}

# The book as a site, in the folder `site`.
site *options:
    mkdocs build --strict {{options}}

# What a release would upload: build, check, look into, install and run it. Of the last commit.
publish-check *directory:
    .ci/publish-check {{directory}}

# Take the pictures of the documents anew, in a headless Chromium; that of Lua's build needs Lua's sources.
pictures:
    python -m tests.perfetto.screenshot
    directory=$(mktemp -d) && python -m tests.perfetto.build_pictures "$directory" make && cp "$directory/make.png" docs/exec.png
    python -m tests.web_page.pictures

# Write anew what documents show of the commands.
docs:
    python -m tests.docs.cli_docs
    python -m tests.docs.view_docs
