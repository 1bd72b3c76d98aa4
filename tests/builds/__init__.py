"""Tests of builds: steps, lanes, the critical path, summaries."""
