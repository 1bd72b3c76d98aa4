"""Where each command that the documents show is run, and why some are not.

What is in none of these tables is run by test_shown_commands.py, in one home with some traces.
"""

from typing import Final

PAGES: Final = {
    "README.md": "tests/docs/test_readme.py",
    "CONTRIBUTING.md": ".ci/run",
    "docs/clients/README.md": "tests/client/test_snippets.py",
    "docs/example-service.md": "tests/docs/test_example_docs.py",
    "docs/hanging-tests.md": "tests/docs/test_tutorials.py",
    "docs/logs-to-alerts.md": "tests/docs/test_tutorials.py",
    "docs/month-of-builds.md": "tests/docs/test_tutorials.py",
    "docs/own-program.md": "tests/docs/test_tutorials.py",
    "docs/protocol.md": "tests/docs/test_protocol_docs.py",
    "docs/recipes.md": "tests/exec/test_recipes.py",
    "docs/web.md": "tests/docs/test_web_docs.py",
}
"""Pages whose commands a file of tests runs as they are typed."""

ELSEWHERE: Final = {
    'eval "$(_TRACERD_COMPLETE=bash_source tracerd)"': "tests/docs/test_cli_docs.py",
    "tracerd exec --all -o trace.json --summary -- make -j8": "tests/exec/test_all_of_a_build.py",
    "tracerd exec --all -- make -j2": "tests/exec/test_all_of_a_build.py",
    "tracerd exec --all --summary -- make -j4": "tests/exec/test_all_of_a_build.py",
    "tracerd exec --all --trace before -- make -j4": "tests/exec/test_all_of_a_build.py",
    "tracerd exec --all --trace after -- make -j4": "tests/exec/test_all_of_a_build.py",
    "tracerd exec -o trace.json --shim cc,ar -- make -j8": "tests/exec/test_build.py",
    "tracerd exec -o trace.json -- make": "tests/exec/test_git_commands.py",
    "tracerd exec --collect -o trace.json -- ninja": "tests/importers/test_collect.py",
    "tracerd exec --all --compiler-detail -o trace.json -- make -j8 CC=clang": "tests/exec/test_compiler_detail.py",
    'PATH="$PWD/shims:$PATH" tracerd exec -o trace.json -- ninja': "tests/exec/test_shims_that_stay.py",
    "tracerd exec python shop.py": "tests/docs/test_logs_docs.py",
    "tracerd watch": "tests/docs/test_tutorials.py",
    'tracerd span "unit tests" -- make check': "tests/exec/test_verbs.py",
    "id=$(tracerd span --begin deploy --attr host=a)": "tests/exec/test_verbs.py",
    'tracerd span --end "$id"': "tests/exec/test_verbs.py",
    "tracerd open": "tests/ui/test_open.py",
    "tracerd open build-42": "tests/ui/test_open.py",
    "tracerd open trace.json": "tests/ui/test_open.py",
    "tracerd open make": "tests/ui/test_open.py",
    "tracerd open latest": "tests/ui/test_open.py",
    "tracerd tail -f": "tests/view/test_tail_following.py",
    "tracerd tail build-42 -f --level warning": "tests/view/test_tail_following.py",
    "tracerd tail -f --where 'level == \"warning\" || args.status >= 500'": "tests/view/test_tail_following.py",
    "tracerd serve --max-age 30d --max-total-size 2GB --max-trace-size 1GB": "tests/store/test_max_trace.py",
    "tracerd serve --compress-after 7d --max-age 90d": "tests/traces/test_compress_after.py",
    "tracerd export latest --otlp http://localhost:4318": "tests/exporters/test_otlp_http.py",
    "OTEL_EXPORTER_OTLP_HEADERS=api-key=... tracerd export latest --otlp https://otlp.example.org --redact": (
        "tests/exporters/test_otlp_http.py"
    ),
    "tracerd export --all --otlp http://localhost:4318 --otlp-protocol http/protobuf": (
        "tests/exporters/test_otlp_http.py"
    ),
    ".venv/bin/pytest tests/faults": "tests/faults/test_reliability.py",
}
"""Single commands that need a build, a browser or a server, and the file of tests that has these."""

NOT_RUN: Final = {
    "_TRACERD_COMPLETE=fish_source tracerd | source": "fish is not what the tests are run with",
    'eval "$(_TRACERD_COMPLETE=zsh_source tracerd)"': "zsh is not what the tests are run with",
    "TMPDIR=/dev/shm .venv/bin/python -m bench --runs 5 --use-memory 1 --peer 'NAME=COMMAND with {sock} {dir}' "
    "--peer-get-tef 'NAME=COMMAND with {log} {out}'": "takes minutes",
    ".venv/bin/python -m tests.faults.fuzz --lines 10000000": "takes an hour: tests/faults/test_fuzz.py",
    ".venv/bin/python -m tests.mutants": "takes minutes, and changes a copy of the code: `just mutants`",
    "clickhouse-client --database tracerd --multiquery < clickhouse.sql": "tests/exporters sends it over HTTP",
    "clickhouse-client --query 'CREATE DATABASE tracerd'": "tests/exporters sends it over HTTP",
    'docker run --user "$(id -u):$(id -g)" -v ~/tracerd-run:/run/tracerd:ro'
    " -e TRACERD_SOCKET=/run/tracerd/tracerd.socket -e TRACERD_TRACE_ID=build-42 IMAGE make": (
        "no docker; tests/docs/test_containers.py has namespaces of its own"
    ),
    "export GIT_TRACE2_EVENT=af_unix:stream:$XDG_RUNTIME_DIR/tracerd.socket": "sets a variable",
    "export GIT_TRACE2_PARENT_SID=git-$(date +%F)": "sets a variable",
    'flock --nonblock ~/.tracerd-export tracerd export --all --clickhouse "$URL" --password-file ~/.tracerd-password': (
        "needs a ClickHouse: tests/exporters"
    ),
    'git config --global trace2.eventTarget "af_unix:stream:$XDG_RUNTIME_DIR/tracerd.socket"': (
        "changes the configuration of the person who tests"
    ),
    "make clean": "the reader's own makefile",
    "mkdir -m 700 ~/tracerd-run": "belongs to docker",
    "tracerd serve --socket ~/tracerd-run/tracerd.socket": "belongs to docker",
    "systemctl --user edit tracerd.service": "opens an editor",
    "systemctl --user enable --now tracerd.socket": "changes the person's session",
    "systemctl --user reset-failed tracerd.service tracerd.socket": "changes the person's session",
    "systemctl --user start tracerd.socket": "changes the person's session",
    "tracerd export --all --clickhouse http://writer@db.example:8123/tracerd --password-file ~/.tracerd-password": (
        "needs a ClickHouse: tests/exporters"
    ),
    "tracerd query 'p95(dur_us) by service over 1h' --engine clickhouse://reader@db.example:8123/tracerd": (
        "needs a ClickHouse: tests/exporters"
    ),
    "tracerd sql --engine clickhouse://reader@db.example:8123/tracerd"
    " 'SELECT trace, count() FROM spans GROUP BY trace'": ("needs a ClickHouse: tests/exporters"),
    "vi makefile": "opens an editor",
}
"""Commands that no test runs as they stand there, and why."""

EXIT_CODES: Final = {"tracerd diff ./before.jsonl ./after.jsonl --top 3 --fail-over 10%": 1}
"""Of commands that are run and do not end with 0."""
