"""Tests of tracerd/ui."""
