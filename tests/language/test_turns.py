"""Coroutines of one process take turns: nothing changes between two operations that wait, however long the code between
them runs, and other processes go on meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from application import Application, application, function, host, process

RACE = """
local function long()
%s
end
return function()
  local shared, done, order = 0, channel.new(10), {}
  local function add(name)
    local before = shared
    order[#order + 1] = name
    long()
    order[#order + 1] = name
    shared = before + 1
    done:send(name)
  end
  for _, name in ipairs({"a", "b", "c"}) do coroutine.spawn(function() add(name) end) end
  add("m")
  local ended = {}
  for i = 1, 4 do ended[i] = done:receive() end
  return {shared, table.concat(order), table.concat(ended)}
end
"""
LONG = {
    "a loop": "for i = 1, 200000 do end",
    "calls": "local function f(n) if n > 0 then return f(n - 1) end end for i = 1, 200 do f(200) end",
    "searches": "local s = ('a'):rep(300000) for i = 1, 100 do s:find('b', 1, true) end",
    "a sort": "local t = {} for i = 1, 20000 do t[i] = -i end table.sort(t, function(x, y) return x < y end)",
    "replacements": "(('x'):rep(20000)):gsub('x', function() return 'y' end)",
    "coroutines": "coroutine.wrap(function() for i = 1, 200000 do end end)()",
}


@pytest.fixture(scope="module")
def app() -> Iterator[Application]:
    with application(host("processes", 1), process("echo", "return function(x) return x end")) as found:
        yield found


@pytest.mark.parametrize("what", LONG)
@pytest.mark.parametrize("kind", [process, function])
def test_coroutines_of_one_unit_do_not_see_each_other_halfway(app: Application, kind, what: str) -> None:
    name = f"race_{kind.__name__}"
    app.define(kind(name, RACE % LONG[what]))
    found = app.call(f"app:{name}") if kind is function else app.execute(f"app:{name}")
    assert found == [4, "aabbccmm", "abcm"]


def test_other_processes_run_in_between(app: Application) -> None:
    loop = "return function() coroutine.spawn(function() while true do end end) while true do end end"
    app.define(process("endless", loop))
    pid = app.spawn("app:endless")
    assert [app.execute("app:echo", i) for i in range(20)] == list(range(20))
    app.lua("assert(process.terminate(...))", pid)
    assert app.execute("app:echo", 1) == 1


def test_messages_and_timers_that_come_meanwhile_wait_in_order(app: Application) -> None:
    app.define(
        process("tell", "return function(pid, n) for i = 1, n do process.send(pid, 'n', i) end end"),
        process(
            "hear",
            """
            return function()
              local box, log, done = process.listen("n"), {}, channel.new()
              coroutine.spawn(function()
                for i = 1, 5 do log[i] = box:receive() end
                done:send(true)
              end)
              local timer = time.after("1ms")
              process.spawn("app:tell", "app:processes", process.pid(), 5)
              for i = 1, 500000 do if #log > 0 then return "seen in the loop" end end
              done:receive()
              timer:receive()
              return log
            end
            """,
            ["time"],
        ),
    )
    assert app.execute("app:hear") == [1, 2, 3, 4, 5]


def test_an_error_and_an_end_in_the_middle_of_a_loop(app: Application) -> None:
    app.define(
        process(
            "ends",
            """
            return function()
              coroutine.spawn(function() for i = 1, 100000 do end process.send(process.pid(), "t", 1) end)
              for i = 1, 100000 do end
              return "main"
            end
            """,
        )
    )
    assert app.execute("app:ends") == "main"
    body = "coroutine.spawn(function() for i = 1, 100000 do end error('late') end) channel.new():receive()"
    with pytest.raises(Exception, match="late"):
        app.lua(body)


@pytest.mark.parametrize(
    "operation",
    [
        "process.send(other, 'n', 1)",
        "process.send(other, 'n', 1, 2)",
        "process.send('the-sink', 'n', 1)",
        "process.spawn('app:nothing', 'app:processes')",
    ],
)
def test_a_loop_of_operations_that_wait_lets_the_other_coroutines_run(operation: str) -> None:
    sink = process("sink", "return function() local inbox = process.inbox() while true do inbox:receive() end end")
    body = f"""
        local other = process.with_options({{}}):with_name("the-sink"):spawn("app:sink", "app:processes")
        local stopped = false
        local turns = 0
        coroutine.spawn(function()
          for i = 1, 5 do coroutine.yield() end
          stopped = true
        end)
        while not stopped do
          {operation}
          turns = turns + 1
        end
        process.terminate(other)
        return turns > 0
        """
    with application(host("processes", 1), sink, process("nothing", "return function() end")) as app:
        assert app.lua(body) is True
