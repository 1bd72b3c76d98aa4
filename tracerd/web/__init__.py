"""The web server of one user on one machine: an HTTP API over the trace directory."""
