"""A file a format: `fits` sniffs how a file begins, and `read` puts its spans into a timeline. None does I/O."""
