"""The module `security`: actors, policies and scopes for code.

Lua code holds a scope, and a policy as the scope of that one policy, by its number in the application's table of
scopes: the form in which frames carry scopes too.
"""

from __future__ import annotations

from typing import Any

from wippy.errors import INTERNAL, INVALID, WippyError
from wippy.modules.caller import Call
from wippy.modules.module import Module
from wippy.registry.entry import ID
from wippy.security.actor import Actor
from wippy.security.scope import Scope

security = Module("security", classes={"security", "nondeterministic"}, lua="security.lua")

_SIGNATURES = {
    "actor()": "The Actor on whose behalf this code runs, or nil.",
    "scope()": "The Scope that limits this code, or nil.",
    "can(action: string, resource: string, meta?: table)": "Whether actor and scope are there and allow the action.",
    "new_actor(id: string, meta?: table)": "An Actor. Raises PERMISSION_DENIED.",
    "new_scope(policies?: table)": "A Scope of the policies in a table. Raises PERMISSION_DENIED.",
    "policy(id: string)": "The Policy of an entry. Errors: INVALID when denied, INTERNAL when there is none.",
    "named_scope(id: string)": "The Scope of a policy group. Errors: INVALID when denied, INTERNAL when there is none.",
    "token_store(id: string)": "A TokenStore. Errors: INVALID, INTERNAL when there is none. Raises PERMISSION_DENIED.",
}
for _signature, _doc in _SIGNATURES.items():
    security.lua_function(_signature, doc=_doc)

_EVALUATE = "evaluate(actor: security.Actor, action: string, resource: string, meta?: table)"
security.lua_method("Actor", "id()", doc="Its id.")
security.lua_method("Actor", "meta()", doc="A fresh table of its metadata.")
security.lua_method("Policy", "id()", doc="The id of its entry.")
security.lua_method("Policy", _EVALUATE, doc='"allow", "deny" or "undefined".')
security.lua_method("Scope", _EVALUATE, doc='"allow", "deny" or "undefined": deny wins.')
security.lua_method(
    "Scope", "with(policy: security.Policy)", doc="A Scope with this policy too. Raises PERMISSION_DENIED."
)
security.lua_method("Scope", "without(id: any)", doc="A Scope without this policy. Raises PERMISSION_DENIED.")
security.lua_method("Scope", "contains(id: any)", doc="Whether it has a policy of this id.")
security.lua_method("Scope", "policies()", doc="A list of its policies.")


def _number(call: Call, scope: Scope) -> int:
    return call.services.scopes.number(scope)


def _scope(call: Call, number: int) -> Scope:
    return call.services.scopes.get(number)


@security.function(
    permission="security.policy.get",
    resource="id",
    denied="permission denied: access policy",
    denied_kind=INVALID,
)
def _policy(call: Call, id: str) -> list[Any]:
    policy = call.services.policies.get(ID.parse(id))
    if policy is None:
        raise WippyError(INTERNAL, f"policy not found: {id}")
    return [str(policy.id), _number(call, Scope([policy]))]


@security.function(
    permission="security.policy_group.get",
    resource="id",
    denied="permission denied: access policy group",
    denied_kind=INVALID,
)
def _named_scope(call: Call, id: str) -> int:
    group = call.services.policies.group(ID.parse(id))
    if group is None:
        raise WippyError(INTERNAL, f"policy group not found: {id}")
    return _number(call, group)


@security.function()
def _token_store(call: Call, id: str) -> None:
    if call.registry.get(ID.parse(id)) is None:
        raise WippyError(INTERNAL, f"token store not found: {id}")
    raise WippyError(INTERNAL, f"not a token store: {id}")


@security.function(single=True)
def _union(call: Call, numbers: list[int]) -> int:
    """The scope of all policies of several scopes; of one id the last counts."""
    return _number(call, Scope(policy for number in numbers for policy in _scope(call, number).policies))


@security.function(single=True)
def _without(call: Call, number: int, id: str) -> int:
    return _number(call, _scope(call, number).without(ID.parse(id)))


@security.function(single=True)
def _contains(call: Call, number: int, id: str) -> bool:
    return _scope(call, number).contains(ID.parse(id))


@security.function(single=True)
def _policies(call: Call, number: int) -> list[list[Any]]:
    policies = sorted(_scope(call, number).policies, key=lambda policy: policy.id)
    return [[str(policy.id), _number(call, Scope([policy]))] for policy in policies]


@security.function(single=True)
def _evaluate(call: Call, number: int, actor: dict[str, Any], action: str, resource: str, meta: Any = None) -> str:
    return _scope(call, number).evaluate(Actor.of(actor), action, resource, meta or None)
