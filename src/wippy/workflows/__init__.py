"""How runs last: history, replay, providers."""
