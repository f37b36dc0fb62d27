"""What a scope forbids, in a workflow and of workflows; context and identity on their way from run to run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.flow_app import FlowApp, function, process, workflow
from wippy.workflows import events as ev

NO_CACHE = {"cache_size": 0}
NOBODY = "{app:provider@app:worker|nobody}"
SCOPED = process(
    "scoped",
    """
    local security = require("security")
    return function(id, host)
      local scope = security.new_scope({(security.policy("app:all")), (security.policy("app:denied"))})
      local spawner = process.with_context({}):with_actor(security.new_actor("ada")):with_scope(scope)
      local pid, err = spawner:spawn_monitored(id, host)
      if err then return tostring(err) end
      local event = process.events():receive()
      return event.result.value or tostring(event.result.error)
    end
    """,
    "security",
)
CHILD = workflow("child", "return function() return 1 end")
ECHO = function("echo", "return function(v) return v end")


def policy(name: str, actions: Any = "*", resources: Any = "*", effect: str = "allow") -> dict[str, Any]:
    rule = {"actions": actions, "resources": resources, "effect": effect}
    return {"name": name, "kind": "security.policy", "policy": rule}


DENIED = {
    "workflow.exec": ("workflow.exec('app:child')", "not allowed: app:child"),
    "workflow.exec ": ("workflow.execute('app:child')", "not allowed: app:child"),
    "funcs.call": ("funcs.call('app:echo', 1)", "not allowed: app:echo"),
    "funcs.call ": ("funcs.async('app:echo', 1)", "not allowed: app:echo"),
    "funcs.context": ("funcs.new():with_context({a = 1})", "not allowed to call functions with custom context"),
    "process.spawn": ("process.spawn('app:child', 'app:worker')", "not allowed to spawn process: app:child"),
    "process.spawn.monitored": (
        "process.spawn_monitored('app:child', 'app:worker')",
        "not allowed to spawn monitored process: app:child",
    ),
    "process.spawn.linked": (
        "process.spawn_linked('app:child', 'app:worker')",
        "not allowed to spawn linked process: app:child",
    ),
    "process.host": ("process.spawn('app:child', 'app:worker')", "not allowed to spawn on host: app:worker"),
    "process.host ": ("process.exec('app:child', 'app:worker')", "not allowed to exec on host: app:worker"),
    "process.exec": ("process.exec('app:child', 'app:worker')", "not allowed to exec process: app:child"),
    "process.send": (f"process.send('{NOBODY}', 'x')", f"not allowed to send: {NOBODY}"),
    "process.cancel": (f"process.cancel('{NOBODY}')", f"not allowed to cancel: {NOBODY}"),
    "process.terminate": (f"process.terminate('{NOBODY}')", f"not allowed to terminate: {NOBODY}"),
    "process.context": ("process.with_options({})", "raised: not allowed to spawn processes with custom options"),
    "process.context ": ("process.with_context({})", "raised: not allowed to spawn processes with custom context"),
    "process.security": (
        "process.with_options({}):with_context({})",
        "raised: not allowed to spawn processes with custom security context",
    ),
}
OF_PROCESSES = {
    "process.monitor": (f"process.monitor('{NOBODY}')", f"not allowed to monitor: {NOBODY}"),
    "process.unmonitor": (f"process.unmonitor('{NOBODY}')", f"not allowed to unmonitor: {NOBODY}"),
    "process.link": (f"process.link('{NOBODY}')", f"not allowed to link: {NOBODY}"),
    "process.unlink": (f"process.unlink('{NOBODY}')", f"not allowed to unlink: {NOBODY}"),
}


def asking(call: str) -> str:
    """Code that makes a call and says how it was refused."""
    return f"""
        local workflow, funcs, time = require("workflow"), require("funcs"), require("time")
        return function()
          local ok, value, err = pcall(function() return {call} end)
          time.sleep("1ms")
          if not ok then return "raised: " .. tostring(value) end
          return err and err:kind() .. ": " .. err:message() or "allowed"
        end
        """


@pytest.mark.parametrize("action", [*DENIED, *OF_PROCESSES])
async def test_what_is_denied_is_an_error(tmp_path: Path, action: str) -> None:
    call, text = {**DENIED, **OF_PROCESSES}[action]
    refused = text if text.startswith("raised") else f"PermissionDenied: {text}"
    denied = policy("denied", [action.strip()], "*", "deny")
    entries = [SCOPED, policy("all"), denied, CHILD, ECHO, process("asks", asking(call))]
    if action in DENIED:
        entries.append(workflow("flow", asking(call)))
    async with FlowApp(tmp_path, *entries, provider=NO_CACHE) as app:
        assert await app.process("scoped", "app:asks", "app:processes") == refused
        if action in DENIED:
            assert await app.process("scoped", "app:flow", "app:worker") == refused
            assert not app.logged("is blocked")


async def test_a_denial_is_remembered_when_the_policy_changes(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local funcs = require("funcs")
        return function()
          local _, err = funcs.call("app:echo", 1)
          process.inbox():receive()
          return {err and err:kind() or "allowed", (funcs.call("app:echo", 2))}
        end
        """,
    )
    starter = process(
        "starter",
        """
        local security = require("security")
        return function()
          local scope = security.new_scope({(security.policy("app:all")), (security.policy("app:denied"))})
          return process.with_options({["workflow.id"] = "one", ["workflow.task_timeout"] = "1s"})
            :with_actor(security.new_actor("ada")):with_scope(scope):spawn("app:flow", "app:worker")
        end
        """,
        "security",
    )

    def entries(action: str) -> list[dict[str, Any]]:
        return [flow, ECHO, starter, policy("all"), policy("denied", [action], "*", "deny")]

    app = FlowApp(tmp_path, *entries("funcs.call"))
    await app.start()
    try:
        await app.process("starter")

        async def asked() -> bool:
            return await app.count("one", ev.WorkflowTaskCompleted) >= 1

        await app.until(asked)
        await app.stop()
        app.write(*entries("nothing"))
        await app.start()
        await app.signal("one", "go")
        assert await app.result("one") == ["PermissionDenied", 2]
        assert not app.logged("is blocked")
    finally:
        await app.stop()


WHO = """
    local actor, scope = security.actor(), security.scope()
    local policies = {}
    for i, one in ipairs(scope and scope:policies() or {}) do policies[i] = one:id() end
    table.sort(policies)
    return {actor = actor and actor:id() or "nobody", policies = policies, values = ctx.all()}
"""
SEEN = function(
    "seen", f'local security, ctx = require("security"), require("ctx") return function() {WHO} end', "security ctx"
)


async def test_an_identity_is_rebuilt_from_the_policies_that_are_known(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local funcs = require("funcs")
        return function()
          process.inbox():receive()
          return funcs.call("app:seen")
        end
        """,
    )
    starter = process(
        "starter",
        """
        local security = require("security")
        return function()
          local gone, all = (security.policy("app:gone")), (security.policy("app:all"))
          for id, policies in pairs({both = {gone, all}, one = {gone}}) do
            process.with_options({["workflow.id"] = id}):with_actor(security.new_actor("ada"))
              :with_scope(security.new_scope(policies)):spawn("app:flow", "app:worker")
          end
        end
        """,
        "security",
    )
    app = FlowApp(tmp_path, flow, SEEN, starter, policy("all"), policy("gone"))
    await app.start()
    try:
        await app.process("starter")
        for id in ("both", "one"):

            async def begun(id: str = id) -> bool:
                return await app.count(id, ev.WorkflowTaskCompleted) >= 1

            await app.until(begun)
        await app.stop()
        app.write(flow, SEEN, starter, policy("all"))
        await app.start()
        for id, policies in (("both", ["app:all"]), ("one", [])):
            await app.signal(id, "go")
            found = await app.result(id)
            assert (found["actor"], found["policies"] or []) == ("ada", policies)
    finally:
        await app.stop()


async def test_who_brings_no_identity_has_that_of_the_worker(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local funcs = require("funcs")
        return function()
          local _, err = funcs.call("app:echo", 1)
          return {funcs.call("app:seen"), err:message()}
        end
        """,
    )
    app = FlowApp(tmp_path, flow, SEEN, ECHO, policy("all"), policy("no.echo", ["funcs.call"], ["app:echo"], "deny"))
    source = tmp_path / "src" / "_index.yaml"
    document = yaml.safe_load(source.read_text())
    worker = next(entry for entry in document["entries"] if entry["name"] == "worker")
    worker["lifecycle"]["security"] = {"actor": {"id": "bee"}, "policies": ["app:all", "app:no.echo"]}
    source.write_text(yaml.safe_dump(document))
    async with app:
        found, refused = await app.run("flow")
    assert (found["actor"], found["policies"], refused) == (
        "bee",
        ["app:all", "app:no.echo"],
        "not allowed: app:echo",
    )


VALUES = """
  {text = "t", n = 5, half = 1.5, large = 2^53, yes = true, no = false, list = {1, "x", true}, deep = {a = {b = {1}}},
    holes = {1, nil, 3}, bytes = "\\255", inside = {"\\255"}, empty = {}}
"""
KEPT = {
    "text": "t",
    "n": 5,
    "half": 1.5,
    "large": 2**53,
    "yes": True,
    "no": False,
    "list": [1, "x", True],
    "deep": {"a": {"b": [1]}},
    "empty": {},
}


async def test_values_on_every_way(tmp_path: Path) -> None:
    child = workflow(
        "child",
        """
        local ctx, funcs = require("ctx"), require("funcs")
        return function() return {ctx.all(), funcs.call("app:seen").values} end
        """,
        "ctx funcs",
    )
    flow = workflow(
        "flow",
        """
        local ctx, funcs, workflow = require("ctx"), require("funcs"), require("workflow")
        return function(next_run)
          if not next_run then process.upgrade(nil, true) end
          local o = {own = ctx.all(), call = funcs.call("app:seen").values}
          o.merged = funcs.new():with_context({n = 6, more = {1}}):call("app:seen").values
          o.execs = {process.exec("app:child", "app:worker"), (workflow.exec("app:child"))}
          process.with_context({n = 7}):spawn("app:child", "app:worker")
          o.spawned = process.events():receive().result.value
          local _, absent = ctx.get("absent")
          o.get = {ctx.get("n"), absent:kind() .. ": " .. absent:message()}
          o.after = ctx.all()
          return o
        end
        """,
        "ctx funcs workflow",
    )
    starter = process(
        "starter",
        f"""
        return function()
          process.with_context({VALUES}):spawn_monitored("app:flow", "app:worker")
          local event = process.events():receive()
          return event.result.value or tostring(event.result.error)
        end
        """,
    )
    async with FlowApp(tmp_path, flow, child, SEEN, starter, provider=NO_CACHE) as app:
        found = await app.process("starter")
    assert _maps(found) == _maps(
        {
            "own": KEPT,
            "call": KEPT,
            "merged": {**KEPT, "n": 6, "more": [1]},
            "execs": [[KEPT, KEPT], [KEPT, KEPT]],
            "spawned": [{**KEPT, "n": 7}] * 2,
            "get": [5, "NotFound: key not found: absent"],
            "after": KEPT,
        }
    )


def _maps(value: Any) -> Any:
    """With empty lists for empty tables: Lua does not tell them apart."""
    if isinstance(value, dict):
        return {name: _maps(item) for name, item in value.items()} or []
    return [_maps(item) for item in value] if isinstance(value, list) else value


async def test_the_context_of_a_sender_stays_with_it(tmp_path: Path) -> None:
    flow = workflow(
        "flow",
        """
        local ctx = require("ctx")
        return function()
          process.inbox():receive()
          return ctx.all()
        end
        """,
        "ctx",
    )
    poke = function("poke", "return function(pid) return process.send(pid, 'x', 1) end")
    starter = process(
        "starter",
        """
        local funcs = require("funcs")
        return function()
          local pid = process.with_context({a = 1}):spawn_monitored("app:flow", "app:worker")
          funcs.new():with_context({b = 2}):call("app:poke", pid)
          return process.events():receive().result.value
        end
        """,
    )
    async with FlowApp(tmp_path, flow, poke, starter, provider=NO_CACHE) as app:
        assert await app.process("starter") == {"a": 1}
