"""Rules, windows, states and channels of `tracerd watch`."""
