import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wippy.errors import INVALID, WippyError
from wippy.registry.entry import ID, Entry
from wippy.security import Actor
from wippy.security.patterns import matcher
from wippy.security.policy import policy_of

ADA = Actor("ada", {"role": "admin", "level": 5, "tags": ["a", "7"], "team": {"name": "core", "lead": True}})


def make(notice=None, groups=None, **rule):
    rule = {"actions": "*", "resources": "*", "effect": "allow", **rule}
    data = {"policy": rule} | ({"groups": groups} if groups is not None else {})
    return policy_of(Entry(ID("app", "p"), "security.policy", data=data), notice)


@pytest.mark.parametrize(
    ("pattern", "fits", "not_fits"),
    [
        ("db.get", ["db.get"], ["db.ge", "db.gett", "DB.get", ""]),
        ("*", ["", "anything"], []),
        ("db.*", ["db", "db.get", "dbx"], ["d", "adb"]),
        ("app:*", ["app:", "app:x"], ["app"]),
        ("*.read", ["db.read", ".read"], ["read", "db.reads"]),
        ("*.views:*", ["app.views:home", "x.views:"], ["views:home"]),
        ("a*b*c", ["abc", "a1b2c", "abbc"], ["ac", "acb", "abcd"]),
        ("*.db.*", ["app.db", "app.db.get"], ["db.get"]),
    ],
)
def test_patterns(pattern, fits, not_fits):
    match = matcher([pattern])
    assert [text for text in fits if not match(text)] == []
    assert [text for text in not_fits if match(text)] == []


@given(st.text("ab*.", max_size=8), st.text("ab.", max_size=8))
def test_a_star_stands_for_any_text(pattern, text):
    plain = pattern[:-2] + "*" if pattern.endswith(".*") else pattern
    expected = re.fullmatch(".*".join(map(re.escape, plain.split("*"))), text) is not None
    assert matcher([pattern])(text) == expected


def test_effect_and_mismatch():
    policy = make(actions=["db.get", 5], resources="app:*", effect="deny")
    assert policy.evaluate(ADA, "db.get", "app:x") == "deny"
    assert policy.evaluate(ADA, "db.set", "app:x") == "undefined"
    assert policy.evaluate(ADA, "db.get", "lib:x") == "undefined"


META = {"owner": "ada", "n": "10", "list": [1, "two"], "map": {"k": "v"}, "a.b": "whole", "yes": True}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (("actor.id", "eq", "ada"), True),
        (("actor.id", "ne", "ada"), False),
        (("actor.meta.team.name", "eq", "core"), True),
        (("actor.meta.team.lead", "eq", "true"), True),
        (("actor.meta.team.lead", "eq", 1), False),
        (("actor.meta.role.x", "exists", True), False),
        (("action", "eq", "act"), True),
        (("resource", "matches", "^res"), True),
        (("meta.map.k", "eq", "v"), True),
        (("a.b", "eq", "whole"), True),
        (("n", "eq", 10.0), True),
        (("n", "gt", 9), True),
        (("n", "lt", "9"), False),
        (("n", "gte", 10), True),
        (("n", "lte", 10), True),
        (("n", "in", [1, 10]), True),
        (("n", "nin", [1, 10]), False),
        (("owner", "in", "ada"), True),
        (("owner", "contains", "d"), True),
        (("n", "contains", 1), True),
        (("list", "contains", "1"), True),
        (("list", "ncontains", "two"), False),
        (("owner", "matches", "d"), True),
        (("owner", "nmatches", "^d"), True),
        (("owner", "exists", True), True),
        (("owner", "exists", False), False),
        (("owner", "exists", "no"), True),
        (("none", "exists", False), True),
        (("none", "nexists", True), True),
        (("owner", "nexists", True), False),
        *((("none", operator, "x"), False) for operator in ("eq", "ne", "lt", "in", "nin", "contains", "ncontains")),
        (("none", "nmatches", "x"), False),
    ],
)
def test_conditions(condition, expected):
    field, operator, value = condition
    for effect in ("allow", "deny"):
        policy = make(effect=effect, conditions=[{"field": field, "operator": operator, "value": value}])
        assert policy.evaluate(ADA, "act", "res", META) == (effect if expected else "undefined")


def test_value_from():
    policy = make(conditions=[{"field": "meta.owner", "operator": "eq", "value_from": "actor.id"}])
    assert policy.evaluate(ADA, "a", "r", META) == "allow"
    assert policy.evaluate(Actor("bob"), "a", "r", META) == "undefined"


@pytest.mark.parametrize(
    "condition",
    [
        {"field": "owner", "operator": "lt", "value": 5},
        {"field": "n", "operator": "gt", "value": "x"},
        {"field": "n", "operator": "in", "value": 10},
        {"field": "map", "operator": "contains", "value": "v"},
        {"field": "owner", "operator": "matches", "value_from": "actor.id"},
        {"field": "owner", "operator": "eq", "value_from": "meta.none"},
    ],
)
def test_a_condition_that_cannot_be_answered_fails_closed_and_is_logged_once(condition):
    logged = []
    assert make(conditions=[condition]).evaluate(ADA, "a", "r", META) == "undefined"
    deny = make(logged.append, effect="deny", conditions=[condition])
    assert [deny.evaluate(ADA, "a", "r", META) for _ in range(3)] == ["deny"] * 3
    assert len(logged) == 1
    assert logged[0].level == "warn"
    assert logged[0].fields["policy"] == "app:p"
    not_about_this = make(
        logged.append, effect="deny", conditions=[condition, {"field": "action", "operator": "eq", "value": "other"}]
    )
    assert not_about_this.evaluate(ADA, "a", "r", META) == "undefined"


def test_an_actor_without_identity_fails_actor_conditions():
    condition = {"field": "actor.id", "operator": "exists", "value": False}
    assert make(effect="deny", conditions=[condition]).evaluate(Actor(), "a", "r") == "deny"
    assert make(conditions=[condition]).evaluate(Actor(), "a", "r") == "undefined"


def test_the_end_of_an_expression_is_the_end_of_the_text():
    policy = make(conditions=[{"field": "owner", "operator": "matches", "value": r"^[[:alpha:]]+$"}])
    assert policy.evaluate(ADA, "a", "r", {"owner": "ada"}) == "allow"
    assert policy.evaluate(ADA, "a", "r", {"owner": "ada\n"}) == "undefined"
    assert policy.evaluate(ADA, "a", "r", {"owner": "ada1"}) == "undefined"
    odd = make(conditions=[{"field": "owner", "operator": "matches", "value": r"^[^]$[]\$\z"}])
    assert odd.evaluate(ADA, "a", "r", {"owner": "x$"}) == "allow"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({}, "policy is required"),
        ({"policy": {"resources": "*", "effect": "allow"}}, "policy.actions is required"),
        ({"policy": {"actions": [5], "resources": "*", "effect": "allow"}}, "policy.actions is required"),
        ({"policy": {"actions": "*", "resources": "", "effect": "allow"}}, "policy.resources is required"),
        ({"policy": {"actions": "*", "resources": "*"}}, "policy.effect must be allow or deny"),
        ({"policy": {"actions": "*", "resources": "*", "effect": "maybe"}}, "policy.effect must be allow or deny"),
    ],
)
def test_a_bad_policy_is_rejected(data, text):
    with pytest.raises(WippyError, match=text) as error:
        policy_of(Entry(ID("app", "p"), "security.policy", data=data))
    assert error.value.kind == INVALID


@pytest.mark.parametrize(
    ("conditions", "text"),
    [
        ("x", "policy.conditions must be a list"),
        (["x"], r"policy.conditions\[0\] must be a mapping"),
        ([{"operator": "eq", "value": 1}], r"policy.conditions\[0\].field is required"),
        ([{"field": "a", "value": 1}], r"policy.conditions\[0\].operator is required"),
        ([{"field": "a", "operator": "eq"}], "value or value_from is required"),
        ([{"field": "a", "operator": "like", "value": 1}], 'unknown operator "like"'),
        ([{"field": "a", "operator": "matches", "value": "("}], "invalid regular expression"),
    ],
)
def test_a_bad_condition_is_rejected(conditions, text):
    with pytest.raises(WippyError, match=text):
        make(conditions=conditions)
