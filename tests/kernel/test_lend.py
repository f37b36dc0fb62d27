"""A workflow that waits for one activity lends its thread to the functions' worker."""

from __future__ import annotations

from application import application, function, workflow

ENGINE = [
    {"name": "provider", "kind": "workflow.provider.sqlite", "path": "f.db", "lifecycle": {"auto_start": True}},
    {
        "name": "worker",
        "kind": "workflow.worker",
        "provider": "app:provider",
        "task_queue": "main",
        "lifecycle": {"auto_start": True},
    },
]
CALL = """
local funcs = require("funcs")
return function(name, ...)
  local value, err = funcs.call(name, ...)
  if err then return nil, err end
  return value
end
"""
RUN = """
local workflow = require("workflow")
return workflow.execute("app:call", ...)
"""
FUNCTIONS = [
    function("add", "return function(a, b) return a + b end"),
    function("nap", "local time = require('time') return function() time.sleep('20ms') return 'slept' end", ["time"]),
    function("spin", "return function(n) local s = 0 for i = 1, n do s = s + i end return s end"),
]


def test_short_parked_and_long_functions_all_answer() -> None:
    with application(*ENGINE, *FUNCTIONS, workflow("call", CALL, ["funcs"])) as app:

        def run(*args: object) -> object:
            return app.lua(RUN, *args, modules=["workflow"])

        app.call("app:add", 0, 0)
        home = app.app.functions().workers[0]
        taken = []
        lend = home.lend
        home.lend = lambda envelope: taken.append(lend(envelope)) or taken[-1]  # type: ignore[method-assign]
        assert run("app:add", 2, 3) == 5
        assert run("app:nap") == "slept"
        assert run("app:spin", 3_000_000) == 4_500_001_500_000
        assert run("app:add", 1, 1) == 2
        assert taken.count(True) >= 3


ENDLESS = """
local workflow = require("workflow")
local endless, err = process.spawn("app:call", "app:worker", "app:forever")
if not endless then return nil, err end
local sum = workflow.execute("app:call", "app:add", 1, 2)
local ok, failure = process.terminate(endless)
if not ok then return nil, failure end
return sum
"""


def test_other_runs_go_on_while_a_lent_function_never_ends() -> None:
    forever = function("forever", "return function() while true do end end")
    with application(*ENGINE, *FUNCTIONS, forever, workflow("call", CALL, ["funcs"])) as app:
        assert app.lua(ENDLESS, modules=["workflow", "process"]) == 3
