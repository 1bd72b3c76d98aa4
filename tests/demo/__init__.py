"""Tests of tracerd/demo."""
