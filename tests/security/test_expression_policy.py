import pytest

from wippy.errors import INVALID, WippyError
from wippy.registry.entry import ID, Entry
from wippy.security import Actor
from wippy.security.policies import KINDS

ADA = Actor("ada", {"role": "admin", "level": 5})


def make(expression, notice=None, **rule):
    rule = {"actions": "*", "resources": "*", "effect": "allow", "expression": expression, **rule}
    data = {"policy": rule, "groups": ["g"]}
    return KINDS["security.policy.expr"](Entry(ID("app", "p"), "security.policy.expr", data=data), notice)


@pytest.mark.parametrize(
    ("expression", "effect"),
    [
        ('actor.id == "ada" and actor.meta.level > 3', "allow"),
        ('actor.meta.role == "guest"', "undefined"),
        ('action == "db.get" && resource startsWith "app:"', "allow"),
        ("meta.owner == actor.id", "allow"),
        ("unknown == nil", "allow"),
        ("meta.nothing > 3", "undefined"),
        ("1 + 1", "undefined"),
    ],
)
def test_effect(expression, effect):
    assert make(expression).evaluate(ADA, "db.get", "app:x", {"owner": "ada"}) == effect


def test_a_denial_that_cannot_be_answered_denies():
    notices = []
    assert make("meta.n > 3", notices.append, effect="deny").evaluate(ADA, "a", "r") == "deny"
    assert len(notices) == 1


def test_groups_and_patterns():
    policy = make("true", actions="db.*")
    assert policy.groups == (ID("app", "g"),)
    assert policy.evaluate(ADA, "fs.get", "r") == "undefined"


@pytest.mark.parametrize("expression", [None, "", "1 +", "nope(1)"])
def test_what_cannot_be_compiled_is_rejected(expression):
    with pytest.raises(WippyError) as caught:
        make(expression)
    assert caught.value.kind == INVALID
    assert "policy.expression" in str(caught.value)
