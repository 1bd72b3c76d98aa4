"""Tests of tracerd/web."""
