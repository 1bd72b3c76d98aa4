"""Tests of tracerd/replay."""
