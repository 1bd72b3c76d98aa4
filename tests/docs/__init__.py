"""Tests of the documents: what they promise, and what is generated."""
