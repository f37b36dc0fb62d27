"""Which calls of a workflow keep the processor, and which let its other coroutines go first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows.flow_app import FlowApp, function, process, workflow
from wippy.workflows import events as ev

KEEP = {
    "uuid": "uuid.v4() uuid.v1() uuid.v7()",
    "random bytes": "crypto.random.bytes(8) crypto.random.string(4) crypto.random.uuid()",
    "encryption": "crypto.encrypt.aes('text', ('k'):rep(32))",
    "math.random": "math.random(10)",
    "now": "time.now() os.time() os.clock()",
    "version": "workflow.version('change', 1, 2)",
    "attrs": "workflow.attrs({memo = {a = 1}})",
    "refused attrs": "workflow.attrs({})",
    "info": "workflow.info() workflow.history_length() workflow.history_size()",
    "timer start": "time.timer('1h')",
    "after": "time.after('1h')",
    "timer stop": "time.timer('1h'):stop()",
    "timer reset": "time.timer('1h'):reset('2h')",
    "older timer stop": "old:stop()",
    "older timer reset": "older:reset('2h')",
    "ticker start": "time.ticker('1h')",
    "ticker stop": "time.ticker('1h'):stop()",
    "older ticker stop": "ticker:stop()",
    "refused timer": "time.timer(0)",
    "sleep of nothing": "time.sleep(0)",
    "async": "funcs.async('app:echo', 1)",
    "async that fails": "funcs.async('app:echo', function() end)",
    "cancel of a new future": "funcs.async('app:echo', 1):cancel()",
    "cancel of an older future": "future:cancel()",
    "send to a process": "process.send(listener, 'word', 1)",
    "many sends to a process": "for i = 1, 2000 do process.send(listener, 'word', i) end",
    "send to a process that is gone": "process.send('{gone@app:processes|0x00001}', 'word', 1)",
    "send to a name": "process.send('listener', 'word', 1)",
    "send to nobody": "process.send('nobody', 'word', 1)",
    "send to itself": "process.send(process.pid(), 'word', 1)",
    "send to a topic with an at": "process.send(listener, '@word', 1)",
    "name look-up": "process.registry.lookup('listener')",
    "monitor": "process.monitor(listener)",
    "link": "process.link(listener)",
    "refused call": "funcs.call('no id')",
    "call without permission": "funcs.call('app:secret')",
    "async without permission": "pcall(funcs.async, 'app:secret')",
    "spawn without permission": "process.spawn('app:secret', 'app:worker')",
    "exec without permission": "workflow.exec('app:secret')",
    "call of what JSON cannot hold": "funcs.call('app:echo', {1, x = 2})",
    "call with bad options": "funcs.new():with_options({['activity.retry_policy'] = 5}):call('app:echo')",
    "spawn with bad options": "process.with_options({['workflow.id'] = ''}):spawn('app:kid', 'app:worker')",
    "listen": "process.listen('topic') process.inbox() process.events()",
    "a channel with room": "local ch = channel.new(1) ch:send(1) ch:receive()",
    "select with a default": "channel.select({channel.new():case_receive(), default = true})",
    "print": "print('line')",
    "a long computation": "local n = 0 for i = 1, 200000 do n = n + 1 end",
    "a long text": "local s = ('x'):rep(3000000) s:find('y', 1, true) s:upper() s:rep(2) s:gsub('x', 'y')",
    "a large document": "local t = {} for i = 1, 20000 do t[i] = {i} end json.decode(json.encode(t)) table.sort(t, "
    "function(a, b) return a[1] > b[1] end)",
    "a digest": "hash.sha256(('x'):rep(3000000)) base64.encode(('x'):rep(1000000))",
}
YIELD = {
    "call": "funcs.call('app:echo', 1)",
    "sleep": "time.sleep('1ms')",
    "spawn": "process.spawn('app:kid', 'app:worker')",
    "exec": "process.exec('app:kid', 'app:worker')",
    "send to a workflow": "process.send('{app:provider@app:worker|nobody}', 'word')",
    "cancel of a workflow": "process.cancel('{app:provider@app:worker|nobody}')",
    "coroutine.spawn": "coroutine.spawn(function() end)",
    "coroutine.yield": "coroutine.yield()",
}
FLOW = workflow(
    "flow",
    """
    local funcs, time, uuid, workflow = require("funcs"), require("time"), require("uuid"), require("workflow")
    local crypto, json, hash, base64 = require("crypto"), require("json"), require("hash"), require("base64")
    return function()
      local listener = process.registry.lookup("listener")
      local old, older, ticker = time.timer("1h"), time.timer("1h"), time.ticker("1h")
      local future = funcs.async("app:patient", 1)
      local seen = {}
      time.sleep("1ms")
      local function try(name, body)
        local order = {}
        seen[name] = order
        coroutine.spawn(function()
          order[#order + 1] = "before"
          body()
          order[#order + 1] = "after"
          funcs.async("app:echo", name)
        end)
        order[#order + 1] = "others"
        funcs.async("app:echo", "others")
      end
      PARTS
      process.inbox():receive()
      return seen
    end
    """,
    "funcs time uuid workflow crypto json hash base64",
)
ECHO = function("echo", "return function(v) return v end")
PATIENT = function("patient", "return function() process.inbox():receive() end")
KID = workflow("kid", "return function() end")
DENY = {
    "name": "no.secret",
    "kind": "security.policy",
    "policy": {
        "actions": ["funcs.call", "workflow.exec", "process.spawn"],
        "resources": "app:secret",
        "effect": "deny",
    },
}
ALLOW = {"name": "rest", "kind": "security.policy", "policy": {"actions": "*", "resources": "*", "effect": "allow"}}
STARTER = process(
    "starter",
    """
    local security = require("security")
    return function()
      process.registry.register("listener")
      local scope = security.new_scope({security.policy("app:no.secret"), security.policy("app:rest")})
      local pid = assert(process.with_options({["workflow.id"] = "one"}):with_actor(security.new_actor("ada"))
        :with_scope(scope):spawn_monitored("app:flow", "app:worker"))
      process.send(pid, "end")
      local over = process.events():receive().result
      return over.value or tostring(over.error)
    end
    """,
    "security",
)


@pytest.mark.parametrize("cached", [True, False])
async def test_what_keeps_the_processor(tmp_path: Path, cached: bool) -> None:
    parts = [f"try('{name}', function() {body} end)" for name, body in {**KEEP, **YIELD}.items()]
    flow: dict[str, Any] = {**FLOW, "source": FLOW["source"].replace("PARTS", "\n".join(parts))}
    entries = (ECHO, PATIENT, KID, DENY, ALLOW, STARTER)
    async with FlowApp(tmp_path, flow, *entries, provider={} if cached else {"cache_size": 0}) as app:
        seen = await app.process("starter")
        history = await app.history("one")
        assert not app.logged("is blocked")
    assert isinstance(seen, dict), seen
    assert [name for name in KEEP if seen[name] != ["before", "after", "others"]] == []
    assert [name for name in YIELD if seen[name][:2] != ["before", "others"]] == []
    called = [event.args[0].data.decode() for event in history if isinstance(event, ev.ActivityTaskScheduled)]
    for name in KEEP:
        at = called.index(f'"{name}"')
        assert called[at + 1] == '"others"', name
