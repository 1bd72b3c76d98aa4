"""All that decides, and does no I/O: lines, messages, the daemon's state. It reads no clock and opens no file.

The contract in pyproject.toml names this folder: a module in it imports nothing that could touch the outside world.
"""
