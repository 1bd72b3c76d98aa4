"""Perfetto as the judge of trace.json."""
