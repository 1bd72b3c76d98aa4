"""Tests of tracerd/traces."""
