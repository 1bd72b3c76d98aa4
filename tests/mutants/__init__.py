"""Small lies put into the code, each of which a test must notice: `python -m tests.mutants`."""
