"""The daemon's default limits. What one client may make us keep is limited too.

A module of its own, so that `--help` need not import more.
"""

DEFAULT_MAX_LINE_BYTES = 16 * 1024 * 1024
"""A line longer than this is refused. Perfetto itself reads events of 40 MB; real clients stay below 100 KB."""

DEFAULT_MAX_UNFINISHED_BYTES = 256 * 1024 * 1024
"""What the lines of all clients may take together that have not ended yet."""

MAX_REPLIES = 1000
"""FLUSH and STATUS of one connection that may wait for an export."""

MAX_EXPORTS = 100
"""EMIT_TEF of one connection that may wait."""

MAX_EXIT_PATHS = 100
"""Paths of EMIT_TEF_AT_EXIT of one trace."""

MAX_EXIT_PATHS_OF_CLIENT = 1000
"""Such paths that one connection may add."""
