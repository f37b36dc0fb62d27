"""The module security: actors, policies, scopes and what guards their making."""

import pytest

from application import application, process, workflow
from security_module.identity import identity, policy
from wippy.errors import WippyError

MODULES = ["security"]


@pytest.fixture(scope="module")
def app():
    with application(
        policy("read", "read", "doc:*", groups=["readers"]),
        policy("write", "write", "doc:*", groups=["readers", "other:writers"]),
        policy("no_secret", "*", "doc:secret", "deny"),
        policy("own", "edit", "*", conditions=[{"field": "meta.owner", "operator": "eq", "value_from": "actor.id"}]),
        policy("everything", "*"),
        policy("no_security", "security.*", "*", "deny"),
        process(
            "who",
            """
            local security = require("security")
            return function()
              local actor, scope = security.actor(), security.scope()
              local id, meta = actor and actor:id() or false, actor and actor:meta() or false
              return {id, meta, scope and #scope:policies() or false}
            end""",
            MODULES,
        ),
    ) as app:
        yield app


def run(app, body, *args, frame=b"", modules=MODULES):
    """The result of the body of a process that has `security` at hand."""
    app._count += 1
    name = f"body{app._count}"
    app.define(process(name, f"local security = require('security')\nreturn function(...)\n{body}\nend", modules))
    return app.execute(f"app:{name}", *args, frame=frame)


def test_without_an_identity_there_is_neither_actor_nor_scope(app):
    assert app.execute("app:who") == [False, False, False]


def test_actor_and_scope_of_the_frame(app):
    frame = identity(app, "ann", "read", "write", meta={"team": "a", "level": 3})
    assert app.execute("app:who", frame=frame) == ["ann", {"team": "a", "level": 3}, 2]


def test_an_actor_with_empty_id_is_an_actor(app):
    assert app.execute("app:who", frame=identity(app, "", "read")) == ["", {}, 1]


def test_actor_metadata_is_a_fresh_table_of_plain_data(app):
    assert run(
        app,
        """
        local source = {team = "a", level = 2, [1] = "dropped", deep = {x = {1, 2}}, fn = print}
        local actor = security.new_actor("bob", source)
        source.team, source.deep.x[1] = "changed", 9
        local meta = actor:meta()
        meta.team, meta.deep.x[2] = "other", 9
        local again = actor:meta()
        return {actor:id(), again.team, again.deep.x[1], again.deep.x[2], math.type(again.level), again[1] == nil,
          type(again.fn), type(actor), type(actor.id), actor.nothing == nil}
        """,
    ) == ["bob", "a", 1, 2, "integer", True, "string", "userdata", "function", True]


def test_an_actor_without_metadata_has_an_empty_table(app):
    assert run(app, "local meta = security.new_actor('x'):meta() return {type(meta), next(meta) == nil}") == [
        "table",
        True,
    ]


@pytest.mark.parametrize(
    "call",
    [
        "security.new_actor()",
        "security.new_actor({})",
        "security.new_actor('a', 'meta')",
        "security.new_scope(nil)",
        "security.new_scope('app:read')",
        "security.policy()",
        "security.policy(security.new_actor('a'))",
        "security.named_scope({})",
        "security.token_store()",
        "security.can('read')",
        "security.can('read', 'doc:1', 7)",
        "security.new_scope():with('app:read')",
        "security.new_scope():contains(7)",
        "security.new_scope():without({})",
        "security.new_scope():evaluate('ann', 'read', 'doc:1')",
        "security.new_scope():evaluate(security.new_actor('a'), 'read', nil)",
        "security.new_scope():evaluate(security.new_actor('a'), 'read', 'doc:1', true)",
        "security.new_actor('a').id('a')",
        "security.policy('app:read').evaluate(security.new_scope(), security.new_actor('a'), 'read', 'doc:1')",
    ],
)
def test_arguments_of_wrong_type_raise(app, call):
    ok, text = run(app, f"local ok, err = pcall(function() return {call} end) return {{ok, tostring(err)}}")
    assert not ok
    assert "bad argument #" in text


def test_a_policy_answers_allow_deny_and_undefined(app):
    assert run(
        app,
        """
        local ann = security.new_actor("ann")
        local read, deny = security.policy("app:read"), security.policy("app:no_secret")
        local own = security.policy("app:own")
        return {read:id(), read:evaluate(ann, "read", "doc:1"), read:evaluate(ann, "write", "doc:1"),
          deny:evaluate(ann, "read", "doc:secret"), own:evaluate(ann, "edit", "x", {owner = "ann"}),
          own:evaluate(ann, "edit", "x", {owner = "bob"}), own:evaluate(ann, "edit", "x")}
        """,
    ) == ["app:read", "allow", "undefined", "deny", "allow", "undefined", "undefined"]


def test_scopes_are_immutable_and_deny_wins_in_any_order(app):
    assert run(
        app,
        """
        local ann = security.new_actor("ann")
        local read, deny = security.policy("app:read"), security.policy("app:no_secret")
        local empty = security.new_scope()
        local one = security.new_scope({read, "ignored", 7, k = false})
        local two, swapped = one:with(deny), empty:with(deny):with(read)
        local less = two:without("app:no_secret")
        return {
          empty:evaluate(ann, "read", "doc:secret"), one:evaluate(ann, "read", "doc:secret"),
          two:evaluate(ann, "read", "doc:secret"), swapped:evaluate(ann, "read", "doc:secret"),
          two:evaluate(ann, "read", "doc:1"), less:evaluate(ann, "read", "doc:secret"),
          #empty:policies(), #one:policies(), #two:policies(), #less:policies(), one:without("app:nobody") == one,
        }
        """,
    ) == ["undefined", "allow", "deny", "deny", "allow", "allow", 0, 1, 2, 1, True]


def test_policies_are_named_by_text_object_or_table(app):
    assert run(
        app,
        """
        local read = security.policy("app:read")
        local scope = security.new_scope({read})
        local ids = {}
        for i, p in ipairs(scope:with(security.policy("app:write")):policies()) do ids[i] = p:id() end
        table.sort(ids)
        return {scope:contains("app:read"), scope:contains(read), scope:contains({ns = "app", name = "read"}),
          scope:contains("app:write"), scope:contains("read"), #scope:without(read):policies(), ids}
        """,
    ) == [True, True, True, False, False, 0, ["app:read", "app:write"]]


def test_groups_are_scopes(app):
    assert run(
        app,
        """
        local readers, writers = security.named_scope("app:readers"), security.named_scope("other:writers")
        return {#readers:policies(), #writers:policies(), writers:contains("app:write")}
        """,
    ) == [2, 1, True]


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        ("policy('app:nobody')", "Internal", "policy not found"),
        ("policy('')", "Internal", "policy not found"),
        ("named_scope('app:nobody')", "Internal", "policy group not found"),
        ("token_store('')", "Invalid", "token store id is required"),
        ("token_store('app:tokens')", "Internal", "token store not found"),
        ("token_store('app:read')", "Internal", "not a token store"),
    ],
)
def test_what_is_not_there(app, call, kind, text):
    value, found, message, retryable = run(
        app, f"local v, err = security.{call} return {{v == nil, err:kind(), err:message(), err:retryable()}}"
    )
    assert (value, found, retryable) == (True, kind, False)
    assert text in message


@pytest.mark.parametrize(
    ("call", "text"),
    [("policy('app:read')", "permission denied: access policy"),
     ("named_scope('app:readers')", "permission denied: access policy group")],
)  # fmt: skip
def test_denied_lookups_return_invalid(app, call, text):
    frame = identity(app, "ann", "everything", "no_security")
    body = f"local v, err = security.{call} return {{v == nil, err:kind(), err:message()}}"
    assert run(app, body, frame=frame) == [True, "Invalid", text]


@pytest.mark.parametrize(
    "call",
    [
        "security.new_actor('bob')",
        "security.new_scope()",
        "security.scope():with(nil)",
        "security.scope():without('app:read')",
        "security.token_store('app:tokens')",
    ],
)
def test_denied_makers_raise(app, call):
    frame = identity(app, "ann", "everything", "no_security")
    body = f"local ok, err = pcall(function() return {call} end) return {{ok, err:kind(), err:message()}}"
    ok, kind, message = run(app, body, frame=frame)
    assert (ok, kind) == (False, "PermissionDenied")
    assert message.startswith("not allowed")


def test_can_needs_actor_and_scope(app):
    body = "return {security.can('read', 'doc:1'), security.can('read', 'doc:secret'), security.can('grow', 'doc:1')}"
    assert run(app, body) == [False, False, False]
    assert run(app, body, frame=identity(app, "ann")) == [False, False, False]
    assert run(app, body, frame=identity(app, "ann", "read", "no_secret")) == [True, False, False]
    assert run(app, body, frame=identity(app, "", "read")) == [True, True, False]


def test_can_passes_metadata(app):
    body = "return {security.can('edit', 'x', {owner = 'ann'}), security.can('edit', 'x', {owner = 'bob'})}"
    assert run(app, body, frame=identity(app, "ann", "own")) == [True, False]


def test_a_scope_keeps_its_policies_when_the_registry_changes(app):
    app.define(policy("moving", "move"))
    app.define(
        process(
            "holder",
            """
            local security = require("security")
            return function()
              local ann, old = security.new_actor("ann"), security.new_scope({security.policy("app:moving")})
              process.registry.register("holder")
              local go = process.listen("go")
              go:receive()
              local new = security.policy("app:moving")
              return {old:evaluate(ann, "move", "x"), new:evaluate(ann, "move", "x")}
            end""",
            MODULES,
        )
    )
    result = app.begin("app:holder")
    app.settle()
    app.define(policy("moving", "move", "*", "deny"))
    app.lua("process.send('holder', 'go', 1)")
    assert result.result(30) == ["allow", "deny"]


def test_security_objects_do_not_travel(app):
    assert run(
        app,
        """
        local me = process.listen("back")
        process.send(process.pid(), "back", {actor = security.new_actor("a"), scope = security.new_scope(), n = 1})
        local got = me:receive()
        return {got.actor == nil, got.scope == nil, got.n}
        """,
    ) == [True, True, 1]


def test_a_workflow_that_lists_security_is_refused():
    with application() as app, pytest.raises(WippyError, match="cannot use 'security'"):
        app.define(workflow("flow", "return function() end", MODULES))


@pytest.mark.parametrize(
    "call",
    [
        "security.new_actor()",
        "security.new_actor('a', 7)",
        "security.new_scope(7)",
        "security.can(1)",
        "security.can('a', 'b', 'c')",
        "security.new_scope().contains()",
        "security.new_scope():contains()",
        "security.new_scope():with()",
        "security.new_scope():evaluate()",
        "security.policy('app:read'):evaluate(security.new_actor('a'), 'read', 'doc:1', 7)",
        "security.new_actor('a').meta()",
    ],
)
def test_a_wrong_argument_points_at_the_line_of_the_call(app, call):
    body = f"local ok, err = pcall(function()\nlocal value = {call}\nend)\nreturn tostring(err)"
    text = run(app, body)
    assert text.startswith(f"app:body{app._count}:4: bad argument #")
