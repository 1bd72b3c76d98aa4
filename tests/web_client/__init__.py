"""Tests of the Python client of the web server."""
