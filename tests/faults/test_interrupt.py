"""Ctrl-C while everything that must be survived goes on at once: an orderly end within the limits."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import yaml

from application import host, process

LIMIT = 60.0
"""Seconds after which the test gives up; on a free machine the end takes two."""

UNITS = {
    "loops": "while true do end",
    "swallows": "while true do pcall(function() while true do end end) end",
    "leaks": "local t = {} while true do t[#t + 1] = {#t} end",
    "multiplies": """while true do
        local pid, err = process.spawn('app:multiplies', 'app:crowded')
        if not pid then coroutine.yield() end
      end""",
    "errs": "xpcall(error, function() error('again') end) error(setmetatable({}, {__tostring = error}))",
    "dies": """for _ = 1, 300 do process.spawn_linked('app:idle', 'app:many') end
      for _ = 1, 50 do coroutine.yield() end error('all of you')""",
    "floods": "for i = 1, 1e9 do process.send('sink', 't', {i}) end",
    "sink": """process.registry.register('sink')
      local inbox = process.inbox() while true do inbox:receive() end""",
    "deaf": "process.registry.register('deaf') channel.new():receive()",
    "fills": """while true do
        local ok, err = process.send('deaf', 't', ('x'):rep(1000))
        if not ok then coroutine.yield() end
      end""",
    "sorts": "while true do pcall(table.sort, {3, 2, 1}, function() while true do end end) end",
    "patterns": "while true do pcall(string.find, ('a'):rep(5000), ('a*'):rep(20) .. 'b') end",
    "calls": "while true do funcs.call('app:spin') end",
    "sleeps": "while true do time.sleep('1ms') end",
    "idle": "process.inbox():receive()",
}
HOSTS = {"leaks": "small", "multiplies": "crowded", "deaf": "bounded", "fills": "bounded"}


def entries() -> list[dict]:
    found = [
        host("many", 2, stop_timeout="300ms"),
        host("small", 1, stop_timeout="300ms", max_memory="16M"),
        host("crowded", 1, stop_timeout="300ms", max_processes=200),
        host("bounded", 1, stop_timeout="300ms", max_mailbox=100),
        {**process("spin", "return function() for _ = 1, 1e5 do end end"), "kind": "function.lua"},
    ]
    lifecycle = {"auto_start": True, "stop_timeout": "100ms", "restart": {"initial_delay": "1ms", "max_delay": "50ms"}}
    for name, body in UNITS.items():
        source = f"local funcs, time = require('funcs'), require('time')\nreturn function()\n{body}\nend"
        found.append(process(name, source, ["funcs", "time"]))
        if name != "idle":
            where = f"app:{HOSTS.get(name, 'many')}"
            service = {"name": f"{name}.service", "kind": "process.service", "process": f"app:{name}", "host": where}
            found.append({**service, "lifecycle": lifecycle})
    ready = "process.registry.register('ready') io.print('ready') channel.new():receive()"
    source = f"local io = require('io')\nreturn function()\n{ready}\nend"
    terminal = {"name": "terminal", "kind": "terminal.host", "lifecycle": {"stop_timeout": "200ms"}}
    return [*found, process("ready", source, ["io"]), terminal]


def test_ctrl_c_during_all_of_this(tmp_path: Path) -> None:
    folder = tmp_path / "src"
    folder.mkdir()
    (folder / "_index.yaml").write_text(yaml.safe_dump({"version": "1.0", "namespace": "app", "entries": entries()}))
    running = subprocess.Popen(
        [sys.executable, "-m", "wippy", "run", "-x", "app:ready"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        running.send_signal(signal.SIGINT)
        _, told = running.communicate(timeout=LIMIT)
    finally:
        running.kill()
        running.communicate()
    assert "Traceback" not in told, told
    assert running.returncode == 0, told
