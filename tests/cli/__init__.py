"""Tests of tracerd/cli."""
