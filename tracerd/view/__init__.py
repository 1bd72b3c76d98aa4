"""What people see of a trace: readers of logs, which the core never imports."""
