"""Entries: what exists."""
