"""What `tracerd demo` records: a real job of many short-lived processes, and the private daemon that they talk to."""
