"""Tests of tracerd/service."""
