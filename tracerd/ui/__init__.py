"""Perfetto in a browser: a page served from this machine, which hands the trace to its UI."""
