"""Traces for other programs: a part of one as a trace.json, in one file or in several."""
