"""Benchmarks: `python -m bench` prints one table, all of it measured in the same run."""
