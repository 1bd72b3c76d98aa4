"""Faults, floods and hostile neighbours: each test does the real thing to a real daemon; see docs/reliability.md."""
