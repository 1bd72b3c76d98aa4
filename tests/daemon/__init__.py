"""Tests of tracerd/daemon."""
