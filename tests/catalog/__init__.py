"""Tests of tracerd/catalog."""
