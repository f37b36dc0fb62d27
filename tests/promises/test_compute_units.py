"""Functions, processes and workflows: what each promises."""

from __future__ import annotations

from pathlib import Path

import pytest

from application import application, function, host, process, workflow
from promises.parts import WORKFLOWS, closed, count, eventually, history, start
from wippy.errors import WippyError
from wippy.units.clock import VirtualClock
from wippy.workflows import events as ev

ADD = function("add", "return function(a, b) return a + b end")


def test_p01_the_same_code_runs_as_function_process_and_workflow() -> None:
    source = """
        local time = require("time")
        return function(n)
          local done = channel.new(n)
          for i = 1, n do
            coroutine.spawn(function() time.sleep("1ms") done:send(i) end)
          end
          local sum = 0
          for _ = 1, n do sum = sum + done:receive() end
          return sum
        end
        """
    with application(
        *WORKFLOWS,
        function("f", source, ["time"]),
        process("p", source, ["time"]),
        workflow("w", source, ["time"]),
        process("start", "return function(n) return require('workflow').execute('app:w', n) end", ["workflow"]),
    ) as app:
        assert app.call("app:f", 4) == app.execute("app:p", 4) == app.execute("app:start", 4) == 10


def test_p02_a_function_answers_and_keeps_nothing() -> None:
    keeping = function(
        "keeping",
        """
        return function()
          local before = process.registry.lookup("me")
          process.registry.register("me")
          return {before == nil, process.pid()}
        end
        """,
    )
    body = """
        local funcs = require("funcs")
        local a, b = funcs.call("app:keeping"), funcs.call("app:keeping")
        return {funcs.call("app:add", 2, 3), a[1], b[1], a[2] ~= b[2]}
        """
    with application(ADD, keeping) as app:
        assert app.lua(body, modules=["funcs"]) == [5, True, True, True]


@pytest.mark.parametrize("how", ["cancel", "end", "timeout"])
def test_p03_a_function_ends_with_its_caller(how: str) -> None:
    slow = function(
        "slow",
        """
        local time = require("time")
        return function(witness)
          coroutine.spawn(function() while true do process.send(witness, "alive") time.sleep("1ms") end end)
          time.sleep("1h")
        end
        """,
        ["time"],
    )
    body = """
        local funcs, time = require("funcs"), require("time")
        local witness, how = ...
        if how == "timeout" then
          funcs.new():with_options({timeout = "5ms"}):call("app:slow", witness)
          time.sleep("50ms")
        else
          local future = funcs.async("app:slow", witness)
          time.sleep("5ms")
          if how == "cancel" then
            future:cancel()
            time.sleep("50ms")
          end
        end
        process.send(witness, "over")
        """
    witness = process(
        "witness",
        """
        local time = require("time")
        return function(name)
          process.registry.register(name)
          local inbox, n = process.inbox(), 0
          repeat
            local topic = inbox:receive():topic()
            if topic == "alive" then n = n + 1 end
          until topic == "over"
          local late = 0
          time.sleep("50ms")
          while true do
            local got = channel.select({inbox:case_receive(), default = true})
            if got.default then return {n, late} end
            late = late + 1
          end
        end
        """,
        ["time"],
    )
    with application(slow, witness) as app:
        counted = app.begin("app:witness", "witness")
        app.lua(body, "witness", how, modules=["funcs", "time"])
        alive, late = counted.result(20)
    assert alive > 0
    assert late <= 1, "at most what was under way already"


def test_p04_a_call_makes_no_process_and_no_history() -> None:
    with application(ADD) as app:
        before = app.host().figures()["spawned"]
        body = "local f = require('funcs') for i = 1, 200 do f.call('app:add', i, i) end"
        app.lua(body, modules=["funcs"])
        assert app.host().figures()["spawned"] == before + 1


def test_p05_a_process_keeps_state_and_outlives_who_started_it() -> None:
    counter = process(
        "counter",
        """
        return function()
          local total = 0
          while true do
            local msg = process.inbox():receive()
            total = total + msg:payload():data().n
            process.send(msg:from(), "total", total)
          end
        end
        """,
    )
    ask = """
        local totals = process.listen("total")
        process.send(..., "job", {n = 5})
        return (totals:receive())
        """
    with application(counter) as app:
        pid = app.lua("return (process.spawn('app:counter', 'app:processes'))")
        assert [app.lua(ask, pid) for _ in range(3)] == [5, 10, 15]


def test_p06_a_failed_child_of_a_service_tree_is_started_again() -> None:
    from promises.test_process_model import SUPERVISOR, WORKER_PROCESS

    with application(SUPERVISOR, WORKER_PROCESS) as app:
        assert app.execute("app:supervisor", 3) == ["crash 1", "crash 2", "crash 3", "done"]


def test_p07_thousands_of_processes_share_a_few_workers() -> None:
    wait = process(
        "wait",
        """
        return function(parent)
          process.send(parent, "ready")
          local msg = process.inbox():receive()
          process.send(parent, "sum", msg:payload():data())
        end
        """,
    )
    body = """
        local n = 5000
        local ready, sums = process.listen("ready"), process.listen("sum")
        local pids = {}
        for i = 1, n do pids[i] = process.spawn("app:wait", "app:processes", process.pid()) end
        for i = 1, n do ready:receive() end
        for i = 1, n do process.send(pids[i], "go", i) end
        local sum = 0
        for i = 1, n do sum = sum + sums:receive() end
        return sum
        """
    with application(host("processes", 2), wait) as app:
        assert app.lua(body) == 5000 * 5001 // 2


def test_p07_a_process_that_never_yields_does_not_stop_the_others() -> None:
    with application(process("endless", "return function() while true do end end"), ADD) as app:
        pid = app.spawn("app:endless")
        for n in range(3):
            assert app.lua("return require('funcs').call('app:add', ...)", n, 1, modules=["funcs"]) == n + 1
        assert app.lua("return process.terminate(...)", pid) is True


ORDER = workflow(
    "order",
    """
    local funcs, time = require("funcs"), require("time")
    return function(id)
      local reserved = funcs.call("app:add", id, 1)
      time.sleep("1ms")
      local msg = process.inbox():receive()
      return {reserved, msg:payload():data()}
    end
    """,
    ["funcs", "time"],
)


def test_p08_a_workflow_survives_the_end_of_the_application(tmp_path: Path) -> None:
    execute = process(
        "execute", "return function(id) return require('workflow').execute('app:order', id) end", ["workflow"]
    )
    with application(*WORKFLOWS, ADD, ORDER, execute, folder=tmp_path) as app:
        start(app, "app:order", 41, id="order")
    for _ in range(2):
        with application(folder=tmp_path) as app:
            assert not closed(app, "order")
    with application(folder=tmp_path) as app:
        app.lua("process.send('{app:history@app:workflows|order}', 'paid', 9)")
        eventually(lambda: closed(app, "order"))
        done = history(app, "order")[-1]
        scheduled = count(app, "order", ev.ActivityTaskScheduled)
    assert isinstance(done, ev.WorkflowExecutionCompleted)
    assert done.result is not None
    assert done.result.data == b"[42,9]"
    assert scheduled == 1


def test_p09_ordinary_code_is_deterministic(tmp_path: Path) -> None:
    careless = workflow(
        "careless",
        """
        local funcs, time = require("funcs"), require("time")
        return function()
          local bag = {}
          for _, name in ipairs({"pear", "apple", "fig"}) do bag[name] = math.random(100) end
          bag[{}] = 1
          local seen = {tostring(bag), os.time(), time.now():unix_nano()}
          for name, n in pairs(bag) do seen[#seen + 1] = tostring(name) .. tostring(funcs.call("app:add", n, 1)) end
          return seen
        end
        """,
        ["funcs", "time"],
    )
    provider = {**WORKFLOWS[0], "cache_size": 0}
    with application(provider, WORKFLOWS[1], ADD, careless, folder=tmp_path) as app:
        start(app, "app:careless", id="one")
        eventually(lambda: closed(app, "one"))
        assert count(app, "one", ev.WorkflowExecutionCompleted) == 1
        assert count(app, "one", ev.WorkflowTaskFailed) == 0


def test_p10_state_and_lifetime_of_the_three(tmp_path: Path) -> None:
    body = "return function() local n = 0 n = n + 1 return n end"
    keeper = process("keeper", "return function() while true do process.inbox():receive() end end")
    waiter = workflow("waiter", "return function() return process.inbox():receive():topic() end")
    with application(*WORKFLOWS, function("f", body), keeper, waiter, folder=tmp_path) as app:
        assert [app.call("app:f"), app.call("app:f")] == [1, 1]
        pid = app.spawn("app:keeper", name="keeper")
        assert app.lua("return process.send(..., 'still there?')", pid) is True
        start(app, "app:waiter", id="one")
    with application(folder=tmp_path) as app:
        with pytest.raises(WippyError, match="could not resolve 'keeper'"):
            app.lua("local ok, err = process.send('keeper', 'x') return ok, err")
        assert app.lua("return process.send('{app:history@app:workflows|one}', 'there')") is True
        eventually(lambda: closed(app, "one"))


def test_p11_sleep_holds_a_call_parks_a_process_and_is_recorded_in_a_workflow(tmp_path: Path) -> None:
    body = "local time = require('time') return function() time.sleep('24h') return 'woke' end"
    caller = process("caller", "return function() return require('funcs').call('app:f') end", ["funcs"])
    clock = VirtualClock()
    with application(
        *WORKFLOWS,
        host("processes", 1),
        function("f", body, ["time"]),
        process("p", body, ["time"]),
        workflow("w", body, ["time"]),
        caller,
        ADD,
        clock=clock,
    ) as app:
        held, parked = app.begin("app:caller"), app.begin("app:p")
        start(app, "app:w", id="one")
        assert app.lua("return require('funcs').call('app:add', 1, 2)", modules=["funcs"]) == 3, "others go on"
        eventually(lambda: count(app, "one", ev.TimerStarted) == 1)
        eventually(lambda: app.host().figures()["timers"] >= 2)
        assert not held.done()
        assert not parked.done()
        clock.advance(24 * 3600)
        assert (held.result(20), parked.result(20)) == ("woke", "woke")
        eventually(lambda: closed(app, "one"))
        assert count(app, "one", ev.TimerFired) == 1
