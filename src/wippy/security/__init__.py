"""Who may: actors, policies, scopes and the check that every guarded function makes."""

from __future__ import annotations

from .actor import Actor
from .check import identity_of, permitted
from .policies import Policies, register_security
from .policy import ALLOW, DENY, UNDEFINED, Policy
from .scope import Scope

__all__ = [
    "ALLOW",
    "DENY",
    "UNDEFINED",
    "Actor",
    "Policies",
    "Policy",
    "Scope",
    "identity_of",
    "permitted",
    "register_security",
]
