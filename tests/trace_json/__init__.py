"""Tests of tracerd/trace_json."""
