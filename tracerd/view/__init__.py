"""What people see of a trace in a terminal: trees, tables, figures, lines. Text only."""
