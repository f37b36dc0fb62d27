"""Deterministic simulation: the real kernel under a seeded scheduler, checked against a model."""
