"""The pages in a real browser: Chromium, driven by playwright, with no way but to this machine."""
