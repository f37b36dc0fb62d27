"""Actors, scopes, policies: who may."""
