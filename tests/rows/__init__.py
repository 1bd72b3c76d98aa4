"""Tests of tracerd/rows."""
