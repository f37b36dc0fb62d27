"""Logs and events: what one sees."""
