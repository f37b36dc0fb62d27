"""What a workflow was allowed to do stays as it was when its history is replayed."""

from __future__ import annotations

from pathlib import Path

import pytest

from application import application, function, process, workflow
from security_module.identity import WORKFLOWS, identity, policy

FLOW = """
local funcs = require("funcs")
local function try()
  local value, err = funcs.call("app:one")
  return value or err:kind()
end
return function()
  local inbox = process.inbox()
  local found = {try(), try()}
  funcs.call("app:two")
  inbox:receive()
  found[3] = try()
  return found
end"""
ENTRIES = [
    *WORKFLOWS,
    workflow("flow", FLOW, ["funcs"]),
    function("one", "return function() return 1 end"),
    function("two", "return function() process.send('starter', 'two') end"),
    process(
        "start",
        """
        return function()
          process.registry.register("starter")
          local two = process.listen("two")
          local pid = process.spawn("app:flow", "app:flows")
          two:receive()
          return pid
        end""",
    ),
    process(
        "finish",
        """
        return function(pid)
          process.monitor(pid)
          process.send(pid, "go", 1)
          local result = process.events():receive().result
          return result.error and tostring(result.error) or result.value
        end""",
    ),
]
ALLOW, DENY = policy("rule", "funcs.call", "app:one"), policy("rule", "funcs.call", "app:one", "deny")


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        (ALLOW, DENY, [1, 1, "PermissionDenied"]),
        (DENY, ALLOW, ["PermissionDenied", "PermissionDenied", 1]),
        (ALLOW, ALLOW, [1, 1, 1]),
        (DENY, DENY, ["PermissionDenied"] * 3),
    ],
)
def test_a_changed_policy_counts_from_the_replay_on(tmp_path: Path, before, after, found):
    others = policy("others", ["process.*", "funcs.call"], "*")
    with application(*ENTRIES, before, others, folder=tmp_path) as app:
        pid = app.execute("app:start", frame=identity(app, "ann", "rule", "others"))
    with application(*ENTRIES, after, others, folder=tmp_path) as app:
        assert app.execute("app:finish", pid) == found
