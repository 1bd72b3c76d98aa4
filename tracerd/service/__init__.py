"""A daemon before and beside its work: put together, started in the background, known to systemd, asked by commands."""
