"""tracerd: a local flight recorder for programs made of many short-lived processes."""

__version__ = "0.1.0"
