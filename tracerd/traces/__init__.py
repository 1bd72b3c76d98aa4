"""The traces of a directory: found, described, compressed and removed. No trio, no click.

The daemon calls one function of this folder, `retention.enforce`, in a thread of its own.
"""
