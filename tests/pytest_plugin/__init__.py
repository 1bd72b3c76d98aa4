"""Tests of tracerd/pytest_plugin."""
