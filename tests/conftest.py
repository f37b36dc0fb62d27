"""Makes `tests/` importable (`from application import application`)."""
