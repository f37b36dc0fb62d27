from itertools import permutations
from types import SimpleNamespace

import pytest

from wippy.registry.entry import ID, Entry
from wippy.registry.lifecycle import Actor as LifecycleActor
from wippy.registry.lifecycle import Security
from wippy.security import Actor, Policies, Policy, Scope, identity_of, permitted
from wippy.security.policies import PolicyHandler

ADA = Actor("ada")


def policy(name: str, effect: str, actions: str = "*") -> Policy:
    return Policy(ID("app", name), [actions], ["*"], effect)


@pytest.mark.parametrize(
    ("effects", "expected"),
    [
        ([], "undefined"),
        (["allow"], "allow"),
        (["deny"], "deny"),
        (["allow", "deny", "undefined"], "deny"),
        (["allow", "undefined"], "allow"),
        (["undefined"], "undefined"),
    ],
)
def test_deny_wins_in_any_order(effects, expected):
    made = [
        policy(str(i), "allow" if effect == "undefined" else effect, "other" if effect == "undefined" else "*")
        for i, effect in enumerate(effects)
    ]
    for order in permutations(made):
        assert Scope(order).evaluate(ADA, "act", "res") == expected


def test_scopes_are_immutable_values():
    a, b = policy("a", "allow"), policy("b", "deny")
    scope = Scope([a])
    both = scope.with_(b)
    assert (scope.contains(b.id), both.contains(b.id), len(scope.policies)) == (False, True, 1)
    assert both.without(b.id) == scope
    assert hash(both.without(b.id)) == hash(scope)
    policies = Policies()
    policies.add(a)
    policies.add(b)
    assert policies.scope(ID.parse(text) for text in [*both.ids, "app:gone"]) == both
    assert policies.scope([ID("app", "gone")]) is None
    assert scope.without(b.id) is scope
    replaced = scope.with_(policy("a", "deny"))
    assert (len(replaced.policies), replaced.evaluate(ADA, "x", "y")) == (1, "deny")
    assert replaced != scope


def test_the_check():
    allow, nothing = Scope([policy("a", "allow", "yes")]), Scope()
    assert permitted(ADA, allow, "yes", "r")
    assert not permitted(ADA, allow, "no", "r")
    assert not permitted(ADA, nothing, "yes", "r")
    assert permitted({"id": "", "meta": {}}, allow, "yes", "r", strict=True)
    for actor, scope in ((None, allow), (ADA, None), (None, None), (None, nothing)):
        assert permitted(actor, scope, "no", "r")
        assert not permitted(actor, scope, "yes", "r", strict=True)


async def test_policies_follow_their_entries_and_scopes_keep_what_they_have():
    policies = Policies()
    handler = PolicyHandler(policies)

    def entry(effect):
        data = {"policy": {"actions": "*", "resources": "*", "effect": effect}, "groups": ["ops", "lib:all"]}
        return Entry(ID("app", "p"), "security.policy", data=data)

    await handler.create(entry("allow"))
    scope = policies.group(ID("app", "ops"))
    assert scope is not None
    assert policies.group(ID("lib", "all")) == scope
    await handler.update(entry("deny"), entry("allow"))
    assert scope.evaluate(ADA, "a", "r") == "allow"
    found = policies.get(ID("app", "p"))
    assert found is not None
    assert found.evaluate(ADA, "a", "r") == "deny"
    await handler.delete(entry("deny"))
    assert policies.group(ID("app", "ops")) is None
    assert policies.get(ID("app", "p")) is None


def test_identity_of_a_service():
    policies = Policies()
    policies.add(Policy(ID("app", "a"), ["*"], ["*"], "allow", groups=(ID("app", "g"),)))
    policies.add(Policy(ID("app", "b"), ["*"], ["*"], "deny"))
    assert identity_of(None, policies) == (None, None)
    assert identity_of(Security(), policies) == (Actor(), None)
    block = Security(LifecycleActor("svc", {"x": 1}), groups=["app:g", "app:none", "g"], policies=["app:b", "a"])
    actor, scope = identity_of(block, policies)
    assert actor == Actor("svc", {"x": 1})
    assert scope is not None
    assert {str(p.id) for p in scope.policies} == {"app:a", "app:b"}
    unknown = SimpleNamespace(actor=None, groups=["app:none"], policies=["b"])
    assert identity_of(unknown, policies) == (Actor(), None)
