"""`wippy run --watch`: what happens to a running application when its files change."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from wippy.cli.watch import Watch
from wippy.errors import WippyError
from wippy.registry.config import Config
from wippy.registry.file_cache import FileCache

from .watched import watched

INDEX = """\
version: "1.0"
namespace: app
entries:
  - name: processes
    kind: process.host
    host: {workers: 1}
    lifecycle: {auto_start: true}
  - name: lib
    kind: library.lua
    source: file://lib.lua
  - name: f
    kind: function.lua
    method: main
    source: file://f.lua
    imports: {lib: app:lib}
  - name: upgradable
    kind: process.lua
    source: file://upgradable.lua
  - name: plain
    kind: process.lua
    source: file://plain.lua
    modules: [funcs, time]
  - name: upgradable_service
    kind: process.service
    process: app:upgradable
    host: app:processes
    lifecycle: {auto_start: true}
  - name: plain_service
    kind: process.service
    process: app:plain
    host: app:processes
    lifecycle: {auto_start: true}
"""
UPGRADABLE = """\
return function(from)
  print("upgradable 1 after " .. tostring(from))
  process.set_options({upgradable = true})
  local event = process.events():receive()
  if event.kind == process.event.OUTDATED then process.upgrade(nil, 1) end
end
"""
PLAIN = """\
local funcs, time = require("funcs"), require("time")
return function()
  local events, seen = process.events(), nil
  while true do
    local found = funcs.call("app:f")
    if found ~= seen then print("plain 1 saw " .. tostring(found)) seen = found end
    local r = channel.select({events:case_receive(), time.after("10ms"):case_receive()})
    if r.channel == events then return end
  end
end
"""
LIB = 'return {name = "lib 1"}\n'
F = 'local lib = require("lib")\nreturn {main = function() return "f 1, " .. lib.name end}\n'
FILES = {"_index.yaml": INDEX, "lib.lua": LIB, "f.lua": F, "upgradable.lua": UPGRADABLE, "plain.lua": PLAIN}
LINE = re.compile(r"(reloaded|added|removed) .*, \d+ process(es)? told, \d+ ms$")


def test_functions_libraries_and_upgradable_processes(tmp_path: Path) -> None:
    with watched(tmp_path, files=FILES) as app:
        app.wait("plain 1 saw f 1, lib 1")

        app.write("f.lua", F.replace("f 1", "f 2"))
        assert LINE.search(app.wait("reloaded app:f, 0 processes told"))
        app.wait("plain 1 saw f 2, lib 1")

        app.write("lib.lua", LIB.replace("lib 1", "lib 2"))
        app.wait("reloaded app:lib, 0 processes told")
        app.wait("plain 1 saw f 2, lib 2")

        app.write("upgradable.lua", UPGRADABLE.replace("upgradable 1", "upgradable 2"))
        app.wait("reloaded app:upgradable, 1 process told")
        app.wait("upgradable 2 after 1")

        app.write("plain.lua", PLAIN.replace("plain 1", "plain 2"))
        app.wait("reloaded app:plain, 0 processes told")
        app.write("f.lua", F.replace("f 1", "f 3"))
        app.wait("plain 1 saw f 3")
        assert "plain 2" not in "\n".join(app.lines)


def test_mistakes_leave_everything_running_and_are_shown_with_their_place(tmp_path: Path) -> None:
    with watched(tmp_path, files=FILES) as app:
        app.wait("plain 1 saw f 1")

        app.write("lib.lua", LIB.replace("lib 1", "lib 2") + "return\n")
        app.wait("not reloaded: everything runs as before")
        app.write("f.lua", 'return {\n  main = function( return "f 2" end}\n')
        app.wait("not reloaded: everything runs as before")
        shown = app.printed()
        assert "--> src/f.lua:2:" in shown
        assert 'main = function( return "f 2" end}' in shown
        assert re.search(r"\|\s+\^", shown)
        assert "--> src/lib.lua:2:" in shown
        app.write("plain.lua", PLAIN + "\n")
        app.wait("not reloaded: the mistake is still there")

        app.write("lib.lua", LIB.replace("lib 1", "lib 2"))
        app.write("f.lua", F.replace("f 1", "f 3"))
        app.wait("reloaded app:f, app:lib, app:plain, 0 processes told")
        app.wait("plain 1 saw f 3, lib 2")

        app.write("_index.yaml", INDEX.replace("kind: function.lua", "kind: [function.lua"))
        app.wait("--> src/_index.yaml:")
        app.wait("not reloaded")
        app.write("_index.yaml", INDEX)
        app.wait("nothing has changed")

        app.write("_index.yaml", INDEX.replace("process: app:plain", "process: app:plane"))
        app.wait("process app:plane not found")
        app.wait("not reloaded")


def test_strict_types_are_checked_before_anything_is_swapped(tmp_path: Path) -> None:
    typed = "local M = {}\nfunction M.name(): string return 'lib 1' end\nreturn M\n"
    uses = 'local lib = require("lib")\nlocal function main(): string return lib.name() end\nreturn {main = main}\n'
    files = {**FILES, "lib.lua": typed, "f.lua": uses}
    with watched(tmp_path, "--set", "lua.type_system.strict=true", files=files) as app:
        app.wait("plain 1 saw lib 1")
        app.write("lib.lua", typed.replace("string return 'lib 1'", "number return 7"))
        app.wait("type errors in app:f: 2:")
        app.wait("--> src/f.lua:2:")
        app.wait("not reloaded")
        app.write("lib.lua", typed.replace("lib 1", "lib 2"))
        app.wait("reloaded app:lib")
        app.wait("plain 1 saw lib 2")


def test_entries_and_files_that_come_and_go(tmp_path: Path) -> None:
    service = """\
version: "1.0"
namespace: more
entries:
  - name: worker
    kind: process.lua
    source: |
      return function()
        print("worker here")
        local event = process.events():receive()
        print("worker gone: " .. event.reason)
      end
  - name: service
    kind: process.service
    process: worker
    host: app:processes
    lifecycle: {auto_start: true}
"""
    with watched(tmp_path, files=FILES) as app:
        app.wait("plain 1 saw f 1")
        (app.src / "more").mkdir()
        app.write("more/_index.yaml", service)
        app.wait("added more:service, more:worker")
        app.wait("worker here")
        app.changes()
        (app.src / "more" / "_index.yaml").unlink()
        app.wait("removed more:service, more:worker")
        app.wait("worker gone: service stopping")
        # a new kind of the same id, and a folder that is moved in
        app.write("_index.yaml", INDEX.replace("kind: library.lua", "kind: function.lua\n    method: name"))
        app.wait("reloaded app:lib")
        (tmp_path / "aside").mkdir()
        (tmp_path / "aside" / "_index.yaml").write_text(service)
        app.changes()
        (tmp_path / "aside").rename(app.src / "aside")
        app.wait("added more:service, more:worker")


def test_settings_that_change(tmp_path: Path) -> None:
    module = tmp_path / "module"
    module.mkdir()
    text = 'version: "1.0"\nnamespace: acme\nentries:\n  - {name: e, kind: registry.entry, data: {n: 1}}\n'
    (module / "_index.yaml").write_text(text)
    (tmp_path / ".wippy.yaml").write_text('version: "1.0"\n')
    with watched(tmp_path, files=FILES) as app:
        app.changes()
        (tmp_path / ".wippy.yaml").write_text('version: "1.0"\nlogger: {encoding: console}\n')
        app.wait(".wippy.yaml has changed: it counts when the application is started again")
        app.changes()
        replaced = "replacements:\n  - {from: acme/tools, to: ./module}\n"
        (tmp_path / "wippy.lock").write_text("directories:\n  src: ./src\n" + replaced)
        app.wait("added acme:e")
        app.wait("watching src, module")
        app.changes()
        (module / "_index.yaml").write_text(text.replace("n: 1", "n: 2"))
        app.wait("reloaded acme:e")


def test_beside_a_program(tmp_path: Path) -> None:
    index = (
        INDEX
        + """\
  - name: terminal
    kind: terminal.host
  - name: program
    kind: process.lua
    source: file://plain.lua
    modules: [funcs, time]
"""
    )
    with watched(tmp_path, "-x", "app:program", "-v", files={**FILES, "_index.yaml": index}) as app:
        app.wait("plain 1 saw f 1")
        app.write("f.lua", F.replace("f 1", "f 2"))
        app.wait("reloaded app:f")
        app.wait("plain 1 saw f 2")


def test_the_package_that_watches_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    with pytest.raises(WippyError, match=r"wippy run --watch needs .* pip install 'wippy\[watch\]'"):
        Watch(Config.load("."), FileCache())


def test_a_run_without_it_does_not_load_it() -> None:
    code = "import sys, wippy.cli.run, wippy.cli.serve, wippy.app; print('watchfiles' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"


def test_half_written_files_and_other_files(tmp_path: Path) -> None:
    with watched(tmp_path, files=FILES) as app:
        app.wait("plain 1 saw f 1")
        for name in (".f.lua.swp", "f.lua~", "4913", "#f.lua#", "notes.txt", ".#_index.yaml"):
            (app.src / name).write_text("nothing of ours")
        app.changes()
        (app.src / "_index.yaml").write_text("")
        app.wait("the file is empty")
        app.wait("not reloaded: everything runs as before")
        before = len(app.lines)
        # a burst: the last state counts, and is told once
        for number in range(2, 60):
            app.write("f.lua", F.replace("f 1", f"f {number}"))
        app.write("_index.yaml", INDEX)
        app.wait("plain 1 saw f 59, lib 1")
        app.write("lib.lua", LIB.replace("lib 1", "lib 2"))
        app.wait("reloaded app:lib, 0")
        since = app.lines[before:]
        assert not any("removed" in line or "added" in line for line in since)
        assert sum("reloaded" in line for line in since) < 10
