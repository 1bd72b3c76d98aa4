"""Tests of tracerd/store."""
