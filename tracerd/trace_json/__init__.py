"""A log to a trace.json: which events may enter it, and the file, never seen half written."""
