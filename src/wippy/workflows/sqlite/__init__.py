"""The embedded provider: histories in one SQLite file, one thread that owns it."""
