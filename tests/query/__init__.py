"""Tests of expressions and trackers."""
