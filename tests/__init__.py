"""Tests of tracerd."""
