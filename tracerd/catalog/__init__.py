"""What each trace of a directory is, in some numbers and words: read once, and kept in a cache."""
