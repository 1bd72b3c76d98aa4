"""Tests of tracerd/exec."""
