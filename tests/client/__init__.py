"""Tests of tracerd/client."""
