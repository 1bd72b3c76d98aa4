"""The trace directory on disk: logs, the rejects beside them, locks. No trio, no click.

The daemon is the only writer of a log; all others read through this folder.
"""
