"""What the runtime asks of a process goes before the messages that wait for it."""

from __future__ import annotations

from queue import SimpleQueue

import pytest

from application import WAIT, Application, application, host, process
from wippy.kernel import codec
from wippy.kernel.station import BATCH
from wippy.kernel.worker import Worker

DEAF = process("deaf", "return function() channel.new():receive() end")


def delivered(worker: Worker) -> int:
    return worker.vm.K.messages_delivered()


def flood(app: Application, pid: str, count: int) -> None:
    payload = codec.pack(["x"])
    for _ in range(count):
        app.app.runtime.router.dispatch(["send", pid, 0, 0, "t", "", "", payload])


@pytest.mark.parametrize("action", ["terminate", "cancel"])
def test_a_request_overtakes_the_messages_on_their_way(action: str) -> None:
    with application(host("processes", 1), DEAF) as app:
        pid = app.spawn("app:deaf")
        worker = app.host().workers[0]
        router = app.app.runtime.router
        seen: SimpleQueue[int] = SimpleQueue()
        app.settle()
        before = delivered(worker)
        with worker._turn:  # the worker is in the middle of something
            flood(app, pid, 10 * BATCH)
            router.ask(lambda ok, _: seen.put(delivered(worker) - before), action, pid, "", "", "", b"")
        assert seen.get(timeout=WAIT) <= 2 * BATCH


def test_a_flood_of_messages_does_not_hold_up_others() -> None:
    """Between two batches of envelopes the processes of the worker run."""
    body = "for i = 1, n do process.send(process.pid(), 't') process.inbox():receive() end return n"
    count = process("count", f"return function(n) {body} end")
    with application(host("processes", 1), DEAF, count) as app:
        pid = app.spawn("app:deaf")
        worker = app.host().workers[0]
        app.settle()
        before = worker.steps
        with worker._turn:
            ended = app.begin("app:count", 100)
            flood(app, pid, 20 * BATCH)
            steps: SimpleQueue[int] = SimpleQueue()
            ended.add_done_callback(lambda _: steps.put(worker.steps - before))
        assert steps.get(timeout=WAIT) <= 3
        assert ended.result(WAIT) == 100


@pytest.mark.parametrize("isolation", ["shared", "process"])
def test_a_full_mailbox_holds_up_no_request(isolation: str) -> None:
    """None of these waits until the process has read its messages: it never does."""
    with application(
        host("processes", 1, isolation=isolation),
        host("other", 1),
        process("deaf", "return function() process.events():receive() return 'asked' end"),
        process("fill", "return function(pid, n) for i = 1, n do process.send(pid, 't', i) end end"),
        process("fails", "return function() process.inbox():receive() error('failing') end"),
        process("linked", "return function(to) process.link(to) channel.new():receive() end"),
    ) as app:
        assert app.lua(
            """
            local events, out = process.events(), {}
            local function full(entry, ...)
              local pid = process.spawn_monitored(entry, "app:processes", ...)
              process.exec("app:fill", "app:other", pid, 2000)
              return pid
            end
            local function ended()
              local e = events:receive()
              return e.result.value or e.result.error:message()
            end
            process.cancel(full("app:deaf"))
            out[1] = ended()
            process.terminate(full("app:deaf"))
            out[2] = ended()
            local fails = process.spawn("app:fails", "app:processes")
            local linked = full("app:linked", fails)
            process.send(fails, "now")
            out[3] = ended()
            return out
            """,
            host="app:other",
        ) == ["asked", "process terminated", "linked process failed"]


@pytest.mark.parametrize("place", ["app:processes", "app:pair", "app:other", "app:isolated"])
def test_the_messages_of_a_child_precede_its_exit(place: str) -> None:
    with application(
        host("processes", 1),
        host("pair", 2),
        host("other", 1),
        host("isolated", 2, isolation="process"),
        process("child", "return function(to) for i = 1, 200 do process.send(to, 'm', i) end end"),
    ) as app:
        assert (
            app.lua(
                """
                local inbox, events, n = process.inbox(), process.events(), 0
                process.spawn_monitored("app:child", ..., process.pid())
                while true do
                  local r = channel.select({inbox:case_receive(), events:case_receive()})
                  if r.channel == events then return n end
                  n = n + 1
                  if r.value:payload():data() ~= n then return "out of order" end
                end
                """,
                place,
            )
            == 200
        )
