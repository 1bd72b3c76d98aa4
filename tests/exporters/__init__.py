"""Tests of tracerd/exporters."""
