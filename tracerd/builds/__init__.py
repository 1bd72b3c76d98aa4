"""A build as people see it: its steps, lanes to show them on, the critical path, a summary. Pure: no I/O."""
