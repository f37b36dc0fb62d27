"""Many senders, one receiver: order per sender, nothing lost, memory within its limit. `python -m bench --only faults`
does the same at full scale."""

from __future__ import annotations

import pytest

from application import application, host, process

COLLECT = """
    return function(senders, each, where)
      local inbox, me = process.inbox(), process.pid()
      for i = 1, senders do
        assert(process.spawn("app:sender", where, me, each))
      end
      local last, wrong = {}, 0
      for n = 1, senders * each do
        local m = inbox:receive()
        local from, i = m:from(), m:payload():data()[1]
        if i ~= (last[from] or 0) + 1 then wrong = wrong + 1 end
        last[from] = i
        if n % 16 == 0 then for _ = 1, 500 do end end -- slower than the senders
      end
      local whole = 0
      for _, i in pairs(last) do if i == each then whole = whole + 1 end end
      return {wrong, whole}
    end
"""
SEND = """
    return function(to, each)
      local text = ("x"):rep(1000)
      for i = 1, each do
        local ok, err = process.send(to, "t", {i, text .. i})
        while not ok do
          if err:kind() ~= errors.RATE_LIMITED or not err:retryable() then error(err) end
          coroutine.yield()
          ok, err = process.send(to, "t", {i, text .. i})
        end
      end
    end
"""


@pytest.mark.parametrize("where", ["app:processes", "app:other"])
@pytest.mark.parametrize(("workers", "limits"), [(1, {}), (2, {}), (1, {"max_mailbox": 200, "max_memory": "12M"})])
def test_a_storm_of_messages(where: str, workers: int, limits: dict) -> None:
    # 100 senders, 150 messages each; with limits, what is on its way would be 15 MB
    with application(
        host("processes", workers, **limits),
        host("other", workers),
        process("collect", COLLECT),
        process("sender", SEND),
    ) as app:
        assert app.execute("app:collect", 100, 150, where) == [0, 100]


def test_without_a_limit_of_the_mailbox_the_host_runs_out_of_memory() -> None:
    with application(
        host("processes", 1, max_memory="16M"),
        process("flood", SEND),
        process("deaf", "return function() channel.new():receive() end"),
        process("echo", "return function(x) return x end"),
    ) as app:
        told = app.lua("""
            local deaf = process.spawn_monitored("app:deaf", "app:processes")
            local flood = process.spawn_monitored("app:flood", "app:processes", deaf, 1000000)
            return process.events():receive().result.error:kind()
        """)
        assert told == "LimitExceeded"
        assert app.execute("app:echo", 1) == 1
