"""The daemon's default limits. A module of its own, so that `--help` need not import more."""

DEFAULT_MAX_LINE_BYTES = 16 * 1024 * 1024
"""A line longer than this is refused. Perfetto itself reads events of 40 MB; real clients stay below 100 KB."""

DEFAULT_MAX_UNFINISHED_BYTES = 256 * 1024 * 1024
"""What the lines of all clients may take together that have not ended yet."""
