"""Tests of tracerd/view."""
