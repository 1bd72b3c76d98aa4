"""The pytest plugin: its option. Every pytest loads this file, so that is all there is in it."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--tracerd`."""
    parser.getgroup("tracerd").addoption(
        "--tracerd", metavar="FILE", help="record the run with tracerd, and write its timeline to FILE"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Record, if that is asked for."""
    path: str | None = config.getoption("--tracerd")
    if path is not None:
        from tracerd.pytest_plugin.recorder import Recorder

        config.pluginmanager.register(Recorder(config, path))
