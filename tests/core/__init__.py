"""Tests of tracerd/core."""
