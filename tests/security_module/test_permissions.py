"""What policies restrict: the checks of funcs and process, with their errors."""

import pytest

from application import application, function, host, process, workflow
from security_module.identity import WORKFLOWS, identity, policy

SOURCE = """
local funcs, workflow, security, events = require("funcs"), require("workflow"), require("security"), require("events")
return function(...)
{body}
end"""
MODULES = ["funcs", "workflow", "security", "events"]


@pytest.fixture(scope="module")
def app():
    with application(
        *WORKFLOWS,
        host("processes", 1),
        host("other", 1),
        policy("all", "*"),
        function("one", "return function() return 1 end"),
        process("idle", "return function() process.events():receive() end"),
        process("echo", "return function(x) return x end"),
        workflow("flow", "return function() return 1 end"),
    ) as app:
        yield app


def deny(app, action, resource, **more):
    """The name of a new policy that denies."""
    app._count += 1
    name = f"deny{app._count}"
    app.define(policy(name, action, resource, "deny", **more))
    return name


def run(app, body, *args, frame=b""):
    app._count += 1
    name = f"body{app._count}"
    app.define(process(name, SOURCE.replace("{body}", body), MODULES))
    return app.execute(f"app:{name}", *args, frame=frame)


RETURNED = [
    ("funcs.call", "app:one", "funcs.call('app:one')", "not allowed: app:one"),
    ("funcs.call", "app:*", "funcs.async('app:one')", "not allowed: app:one"),
    ("funcs.*", "*", "funcs.new():call('app:one')", "not allowed: app:one"),
    ("funcs.call", "app:one", "funcs.new():async('app:one')", "not allowed: app:one"),
    ("funcs.context", "context", "funcs.new():with_context(7)", "not allowed to call functions with custom context"),
    (
        "funcs.security",
        "security",
        "funcs.new():with_actor(7)",
        "not allowed to call functions with custom security context",
    ),
    (
        "funcs.security",
        "security",
        "funcs.new():with_scope(7)",
        "not allowed to call functions with custom security context",
    ),
    ("network.select", "app:net", "funcs.new():with_options({network = 'app:net'})", "not allowed: network app:net"),
    ("process.spawn", "app:echo", "process.spawn('app:echo', host)", "not allowed to spawn process: app:echo"),
    ("process.spawn", "app:e*o", "process.spawn_monitored('app:echo', host)", "not allowed to spawn process: app:echo"),
    (
        "process.spawn.monitored",
        "app:echo",
        "process.spawn_monitored('app:echo', host)",
        "not allowed to spawn monitored process: app:echo",
    ),
    (
        "process.spawn.linked",
        "app:echo",
        "process.spawn_linked('app:echo', host)",
        "not allowed to spawn linked process: app:echo",
    ),
    (
        "process.spawn.monitored",
        "*",
        "process.spawn_linked_monitored('app:echo', host)",
        "not allowed to spawn monitored process: app:echo",
    ),
    (
        "process.host",
        "app:processes",
        "process.spawn('app:echo', host)",
        "not allowed to spawn on host: app:processes",
    ),
    ("process.exec", "app:echo", "process.exec('app:echo', host)", "not allowed to exec process: app:echo"),
    ("process.host", "app:pro*", "process.exec('app:echo', host)", "not allowed to exec on host: app:processes"),
    ("process.send", "{*", "process.send('idle', 'topic', 1)", "not allowed to send: idle"),
    ("process.terminate", "*", "process.terminate('idle')", "not allowed to terminate: idle"),
    ("process.cancel", "*", "process.cancel('idle')", "not allowed to cancel: idle"),
    ("process.monitor", "*", "process.monitor('idle')", "not allowed to monitor: idle"),
    ("process.unmonitor", "*", "process.unmonitor('idle')", "not allowed to unmonitor: idle"),
    ("process.link", "*", "process.link('idle')", "not allowed to link: idle"),
    ("process.unlink", "*", "process.unlink('idle')", "not allowed to unlink: idle"),
    ("process.registry.register", "a", "process.registry.register('a')", "not allowed to register name: a"),
    (
        "process.registry.register.strong",
        "a",
        "process.registry.register('a', nil, process.registry.STRONG)",
        "not allowed to register name (strong): a",
    ),
    ("process.registry.unregister", "a", "process.registry.unregister('a')", "not allowed to unregister name: a"),
    (
        "process.registry.foreign",
        "*",
        "process.registry.register('b', idle)",
        'under name "b"',
    ),
    ("workflow.exec", "app:flow", "workflow.execute('app:flow')", "not allowed: app:flow"),
]


@pytest.fixture(scope="module")
def idle(app):
    return app.spawn("app:idle", name="idle")


@pytest.mark.parametrize(("action", "resource", "call", "text"), RETURNED)
def test_denied_actions_return_permission_denied(app, idle, action, resource, call, text):
    frame = identity(app, "ann", "all", deny(app, action, resource))
    body = f"""
        local host, idle = "app:processes", ...
        local value, err = {call}
        return {{value == nil, err:kind(), err:message(), err:retryable()}}"""
    nothing, kind, message, retryable = run(app, body, idle, frame=frame)
    assert (nothing, kind, retryable) == (True, "PermissionDenied", False)
    assert text in message


CONTEXT = "not allowed to spawn processes with custom context"
SECURITY = "not allowed to spawn processes with custom security context"
RAISED = [
    ("process.context", "context", "process.with_context({})", CONTEXT),
    ("process.context", "context", "process.with_options({})", "not allowed to spawn processes with custom options"),
    ("process.security", "security", "process.with_context({}):with_context({})", SECURITY),
    ("process.security", "security", "process.with_context({}):with_actor(security.actor())", SECURITY),
    ("process.security", "security", "process.with_context({}):with_scope(nil)", SECURITY),
    (
        "network.select",
        "app:net",
        "process.with_options({network = 'app:net'})",
        "not allowed: network app:net",
    ),
    (
        "process.spawn",
        "app:echo",
        "process.with_options({}):spawn('app:echo', host)",
        "not allowed to spawn process: app:echo",
    ),
    (
        "process.spawn.monitored",
        "app:echo",
        "process.with_options({}):spawn_monitored('app:echo', host)",
        "not allowed to spawn monitored process: app:echo",
    ),
    (
        "process.spawn.linked",
        "app:echo",
        "process.with_options({}):spawn_linked('app:echo', host)",
        "not allowed to spawn linked process: app:echo",
    ),
    (
        "process.exec",
        "app:echo",
        "process.with_options({}):exec('app:echo', host)",
        "not allowed to exec process: app:echo",
    ),
    (
        "process.host",
        "app:processes",
        "process.with_options({}):exec('app:echo', host)",
        "not allowed to exec on host: app:processes",
    ),
]


@pytest.mark.parametrize(("action", "resource", "call", "text"), RAISED)
def test_denied_builders_raise(app, action, resource, call, text):
    frame = identity(app, "ann", "all", deny(app, action, resource))
    body = f"""
        local host = "app:processes"
        local ok, err = pcall(function() return {call} end)
        return {{ok, err:kind(), err:message()}}"""
    assert run(app, body, frame=frame) == [False, "PermissionDenied", text]


def test_events_are_denied_as_invalid(app):
    frame = identity(app, "ann", "all", deny(app, "events.*", "orders"))
    body = """
        local a, one = events.subscribe("orders")
        local b, two = events.send("orders", "kind", "path")
        return {a == nil, one:kind(), one:message(), b == nil, two:kind(), two:message()}"""
    assert run(app, body, frame=frame) == [
        True,
        "Invalid",
        "not allowed to subscribe to events from system: orders",
        True,
        "Invalid",
        "not allowed to send events to system: orders",
    ]


def test_a_builder_asks_for_no_host(app):
    frame = identity(app, "ann", "all", deny(app, "process.host", "*"))
    body = "local pid, err = process.with_options({}):spawn('app:echo', 'app:processes') return {type(pid), err == nil}"
    assert run(app, body, frame=frame) == ["string", True]


def test_what_no_policy_allows_is_denied(app):
    app.define(policy("only_one", "funcs.call", "app:one"))
    body = """
        local value, err = funcs.call("app:one")
        local _, refused = funcs.call("app:two")
        return {value, err == nil, refused:kind()}"""
    assert run(app, body, frame=identity(app, "ann", "only_one")) == [1, True, "PermissionDenied"]


def test_messages_to_another_host_are_forbidden_by_the_host_in_the_pid(app):
    app.define(
        process(
            "collect",
            "return function() local got = process.inbox():receive() return got:payload():data() end",
        )
    )
    no_other = deny(app, "process.send", "*@app:other|*")
    body = """
        local near = process.spawn_monitored("app:collect", "app:processes")
        local far = process.spawn("app:collect", "app:other")
        local value, err = process.send(far, "topic", "far")
        local sent = process.send(near, "topic", "near")
        process.terminate(far)
        return {value == nil, err:kind(), err:message() == "not allowed to send: " .. far, sent,
          process.events():receive().result.value}"""
    assert run(app, body, frame=identity(app, "ann", "all", no_other)) == [True, "PermissionDenied", True, True, "near"]


def test_a_name_does_not_get_around_a_policy_on_pids(app):
    no_other = deny(app, "process.send", "*@app:other|*")
    pid = app.spawn("app:idle", host="app:other", name="far")
    body = "local value, err = process.send('far', 'topic', 1) return err:message()"
    assert run(app, body, frame=identity(app, "ann", "all", no_other)) == "not allowed to send: far"
    app.lua("process.terminate(...)", pid)


def test_process_checks_carry_the_callers_pid(app):
    app.define(
        policy(
            "not_from_here",
            "process.send",
            "*",
            "deny",
            conditions=[{"field": "meta.pid", "operator": "contains", "value": "@app:other|"}],
        )
    )
    frame = identity(app, "ann", "all", "not_from_here")
    app.define(process("sender", "return function() return process.send(process.pid(), 't', 1) or false end"))
    assert app.execute("app:sender", frame=frame) is True
    assert app.execute("app:sender", host="app:other", frame=frame) is False


def test_a_callee_is_bound_by_the_callers_scope_and_by_its_own_when_set(app):
    app.define(
        function(
            "tries",
            """
            local funcs = require("funcs")
            return function()
              local value, err = funcs.call("app:one")
              return value or err:kind()
            end""",
            ["funcs"],
        )
    )
    app.define(policy("only_tries", "funcs.call", "app:tries"))
    frame = identity(app, "ann", "only_tries")
    assert run(app, "return funcs.call('app:tries')", frame=frame) == "PermissionDenied"
    body = "return funcs.new():with_scope(security.new_scope({security.policy('app:all')})):call('app:tries')"
    assert run(app, body, frame=identity(app, "ann", "all")) == 1
    body = "return funcs.new():with_scope(security.new_scope()):call('app:tries')"
    assert run(app, body) == 1  # a scope without an actor limits nothing
    body = "return funcs.new():with_scope(security.new_scope()):with_actor(security.new_actor('')):call('app:tries')"
    assert run(app, body) == "PermissionDenied"


def test_a_workflow_is_bound_by_its_identity(app):
    app.define(
        workflow(
            "tries_flow",
            """
            local funcs = require("funcs")
            return function()
              local value, err = funcs.call("app:one")
              return {value or err:kind(), err and err:message()}
            end""",
            ["funcs"],
        )
    )
    body = "return process.exec('app:tries_flow', 'app:flows')"
    assert run(app, body, frame=identity(app, "ann", "all")) == [1]
    no_one = deny(app, "funcs.call", "app:one")
    assert run(app, body, frame=identity(app, "ann", "all", no_one)) == ["PermissionDenied", "not allowed: app:one"]
