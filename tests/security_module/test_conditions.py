"""Conditions of `security.policy` entries, asked from code."""

import pytest

from application import application, process
from security_module.identity import policy
from wippy.errors import WippyError

EVALUATE = """
local security = require("security")
return function(id, meta, actor_id, actor_meta)
  local actor = security.new_actor(actor_id or "ann", actor_meta or {team = "red", level = 7, deep = {x = {y = "z"}},
    roles = {"reader", "writer"}, active = true})
  return security.policy(id):evaluate(actor, "edit", "doc:42", meta)
end"""


@pytest.fixture(scope="module")
def app():
    with application(process("evaluate", EVALUATE, ["security"])) as app:
        yield app


def condition(field, operator, value=None, value_from=None):
    found = {"field": field, "operator": operator}
    if value is not None:
        found["value"] = value
    if value_from is not None:
        found["value_from"] = value_from
    return found


def answer(app, conditions, meta=None, *, effect="allow", actor=None):
    app._count += 1
    name = f"policy{app._count}"
    app.define(policy(name, "edit", "doc:*", effect, conditions))
    return app.execute("app:evaluate", f"app:{name}", meta, *(actor or ()))


TRUE = [
    condition("actor.id", "eq", "ann"),
    condition("actor.meta.team", "ne", "blue"),
    condition("actor.meta.deep.x.y", "eq", "z"),
    condition("actor.meta.level", "eq", "7"),
    condition("actor.meta.level", "gt", 6),
    condition("actor.meta.level", "gte", "7.0"),
    condition("actor.meta.level", "lt", 7.5),
    condition("actor.meta.level", "lte", 7),
    condition("actor.meta.active", "eq", "true"),
    condition("actor.meta.gone", "exists", False),
    condition("actor.meta.gone", "nexists", True),
    condition("actor.meta.team", "exists", True),
    condition("action", "in", ["read", "edit"]),
    condition("action", "nin", ["read"]),
    condition("resource", "matches", "^doc:[0-9]+$"),
    condition("resource", "nmatches", "secret"),
    condition("resource", "contains", ":4"),
    condition("actor.meta.roles", "contains", "writer"),
    condition("actor.meta.roles", "ncontains", "owner"),
    condition("meta.owner", "eq", None, "actor.id"),
    condition("owner", "eq", "ann"),
    condition("meta.amount", "eq", 10),
    condition("actor.meta.team", "in", None, "meta.teams"),
]
FALSE = [
    condition("actor.id", "eq", "bob"),
    condition("actor.id", "eq", "Ann"),
    condition("actor.meta.level", "gt", 7),
    condition("action", "in", ["read"]),
    condition("resource", "matches", "^42"),
    condition("meta.gone", "ne", "x"),
    condition("meta.gone", "nin", ["x"]),
    condition("meta.gone", "ncontains", "x"),
    condition("meta.gone", "nmatches", "x"),
    condition("meta.owner.deeper", "exists", True),
]
ERRONEOUS = [
    condition("actor.meta.team", "gt", 3),
    condition("action", "in", 7),
    condition("action", "matches", None, "meta.owner"),
]
META = {"owner": "ann", "amount": 10, "teams": ["red", "green"]}


@pytest.mark.parametrize("one", TRUE, ids=str)
def test_a_condition_that_holds(app, one):
    assert answer(app, [one], META) == "allow"
    assert answer(app, [one], META, effect="deny") == "deny"


@pytest.mark.parametrize("one", FALSE, ids=str)
def test_a_condition_that_does_not_hold(app, one):
    assert answer(app, [one], META) == "undefined"
    assert answer(app, [one], META, effect="deny") == "undefined"


@pytest.mark.parametrize("one", ERRONEOUS, ids=str)
def test_a_condition_without_an_answer_fails_closed(app, one):
    assert answer(app, [one], META) == "undefined"
    assert answer(app, [one], META, effect="deny") == "deny"


def test_an_actor_without_identity_answers_no_question_about_it(app):
    one = [condition("actor.meta.team", "exists", False)]
    assert answer(app, one, actor=("", {})) == "undefined"
    assert answer(app, one, effect="deny", actor=("", {})) == "deny"


def test_all_conditions_must_hold(app):
    assert answer(app, TRUE, META) == "allow"
    assert answer(app, [*TRUE, FALSE[0]], META) == "undefined"
    assert answer(app, [FALSE[0], ERRONEOUS[0]], META, effect="deny") == "undefined"


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ({"resources": "*", "effect": "allow"}, "policy.actions is required"),
        ({"actions": [], "resources": "*", "effect": "allow"}, "policy.actions is required"),
        ({"actions": "*", "resources": "*", "effect": "permit"}, "policy.effect must be allow or deny"),
        (
            {"actions": "*", "resources": "*", "effect": "allow", "conditions": [condition("a", "like", "x")]},
            'unknown operator "like"',
        ),
        (
            {"actions": "*", "resources": "*", "effect": "allow", "conditions": [condition("a", "matches", "(")]},
            "invalid regular expression",
        ),
        (
            {"actions": "*", "resources": "*", "effect": "allow", "conditions": [condition("a", "eq")]},
            "value or value_from is required",
        ),
    ],
)
def test_a_wrong_policy_is_refused(app, rule, text):
    with pytest.raises(WippyError, match=text) as caught:
        app.define({"name": "wrong", "kind": "security.policy", "policy": rule})
    assert caught.value.kind == "Invalid"
