"""Typed Lua: how source becomes a chunk."""
