"""A worker whose kernel runs out of memory: its processes end with a reason, it comes back, services restart."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from application import HOST, Application, Lines, application, function, host, process
from wippy.errors import WippyError

SERVICE = {
    "name": "keeper.service",
    "kind": "process.service",
    "process": "app:keeper",
    "host": "app:small",
    "lifecycle": {"auto_start": True, "stop_timeout": "50ms", "restart": {"initial_delay": "1ms", "max_delay": "10ms"}},
}
KEEPER = """
    return function()
      while not process.registry.register("keeper") do end
      channel.new():receive()
    end
"""
# What fills the VM of another host: messages that nobody takes, arguments, results of calls that nobody reads.
FLOODS = {
    "messages": """
        return function()
          local deaf = process.spawn_monitored("app:deaf", "app:small")
          local text = ("x"):rep(100000)
          for i = 1, 10000 do
            local ok, err = process.send(deaf, "t", text .. i)
            if not ok then break end
          end
          return process.events():receive().result.error:kind()
        end""",
    "many small messages": """
        return function()
          local deaf = process.spawn_monitored("app:deaf", "app:small")
          local text = ("x"):rep(1000)
          for round = 1, 40 do
            coroutine.spawn(function()
              for i = 1, 10000 do
                if not process.send(deaf, "t", {i, {i}, {i}, {text .. i}}) then break end
              end
            end)
          end
          return process.events():receive().result.error:kind()
        end""",
}


@contextlib.contextmanager
def small(*entries: Lines) -> Iterator[Application]:
    with application(
        host("processes", 1),
        host("small", 1, max_memory="8M"),
        process("deaf", "return function() channel.new():receive() end"),
        process("hold", "return function(value) held = value channel.new():receive() end"),
        process("echo", "return function(x) return x end"),
        process("keeper", KEEPER),
        SERVICE,
        *entries,
    ) as app:
        yield app


def keeper(app: Application) -> bytes | None:
    return app.app.runtime.router.names.holder(b"keeper")


@pytest.mark.parametrize("name", FLOODS)
def test_a_mailbox_that_takes_all_memory_ends_its_process(name: str) -> None:
    with small(process("flood", FLOODS[name])) as app:
        while keeper(app) is None:
            app.settle()
        before = keeper(app)
        for _ in range(2):
            assert app.execute("app:flood", host=HOST) == "LimitExceeded"
            assert app.execute("app:echo", 1, host="app:small") == 1
        assert keeper(app) == before
        assert app.lua("return process.send('keeper', 't')") is True


def test_what_is_too_large_for_a_host_is_refused() -> None:
    with small(
        function("big", "return function(n) return ('x'):rep(n) end"),
        function("pinned", "return function(n) return ('x'):rep(n) end", pool={"size": 1}),
    ) as app:
        ask = """
            local funcs = require("funcs")
            local text = ("x"):rep(3000000)
            local deaf = process.spawn("app:deaf", "app:small")
            local _, sent = process.send(deaf, "t", text)
            local _, spawned = process.spawn("app:hold", "app:small", text)
            local _, run = process.exec("app:echo", "app:small", text)
            local alive = process.send(deaf, "t", "small")
            return {sent:kind(), spawned:kind(), run:kind(), alive}
        """
        assert app.lua(ask, modules=["funcs"]) == ["LimitExceeded", "LimitExceeded", "Internal", True]
        # what comes back from elsewhere: a result of another VM
        fetch = """
            local funcs = require("funcs")
            local value, err = funcs.call("app:pinned", 3000000)
            return {value == nil, err:kind(), funcs.call("app:pinned", 10)}
        """
        assert app.lua(fetch, modules=["funcs"], host="app:small") == [True, "LimitExceeded", "x" * 10]


def test_an_exit_with_a_result_that_is_too_large_is_told_without_it() -> None:
    with small(process("large", "return function() return ('x'):rep(3000000) end")) as app:
        watch = """
            local pid = process.spawn_monitored("app:large", "app:processes")
            local e = process.events():receive()
            return {e.kind, e.from == pid, e.result.value == nil, e.result.error == nil}
        """
        assert app.lua(watch, host="app:small") == ["pid.exit", True, True, True]


def test_a_result_of_a_module_that_does_not_fit_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "big.txt").write_bytes(b"x" * 20_000_000)
    folder = {"name": "files", "kind": "fs.directory", "directory": str(tmp_path)}
    with small(folder) as app:
        read = """
            local fs = require("fs")
            local text, err = fs.get("app:files"):read_file("big.txt")
            return {text == nil, err and err:kind()}
        """
        assert app.lua(read, modules=["fs"], host="app:small") == [True, "LimitExceeded"]
        assert app.execute("app:echo", 1, host="app:small") == 1


def test_results_of_host_functions_that_fill_the_memory_end_their_process() -> None:
    upper = "return function() local s, t = ('x'):rep(1 << 20), {} while true do t[#t + 1] = s:upper() end end"
    with small(process("upper", upper)) as app:
        for _ in range(3):
            with pytest.raises(WippyError) as caught:
                app.execute("app:upper", host="app:small")
            assert caught.value.kind == "LimitExceeded"
            assert app.execute("app:echo", 1, host="app:small") == 1


def test_arguments_that_are_kept_fill_a_host() -> None:
    with small() as app:
        fill = """
            local text, n = ("x"):rep(100000), 0
            while true do
              local pid, err = process.spawn("app:hold", "app:small", text .. n)
              if not pid then return {n > 20, err:kind()} end
              n = n + 1
            end
        """
        assert app.lua(fill) == [True, "LimitExceeded"]


WITNESS = """
    return function(pid)
      process.monitor(pid)
      process.registry.register("watching")
      local err = process.events():receive().result.error
      return {err:kind(), err:message()}
    end
"""


def test_services_restart_when_the_kernel_cannot_go_on() -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    with small(process("witness", WITNESS)) as app:
        worker = app.host("app:small").workers[0]
        for _ in range(3):
            while (before := keeper(app)) is None:
                app.settle()
            end = app.begin("app:witness", before.decode())
            while app.app.runtime.router.names.holder(b"watching") is None:
                app.settle()
            broken = worker.vm
            broken.K._cache["step"] = broken.K._cache["step_again"] = fail
            worker.wake()
            assert end.result(20) == ["LimitExceeded", "memory limit of the host exceeded: not enough memory"]
            while keeper(app) in (None, before):
                app.settle()
            assert worker.vm is not broken
            assert app.execute("app:echo", 1, host="app:small") == 1
