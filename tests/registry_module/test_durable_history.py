"""A history that outlives the application."""

from __future__ import annotations

import sqlite3

import pytest

from application import application, function, process
from wippy.errors import WippyError
from wippy.registry.config import Config
from wippy.registry.project import load_project

CONFIG = {"registry": {"history_type": "sqlite"}}
SET = """
local registry = require("registry")
local n = ...
local changes = registry.snapshot():changes()
changes:update({id = "app:one", kind = "registry.entry", data = {n = n}})
return assert(changes:apply()):id()
"""
READ = """
local registry = require("registry")
local out = {}
for i, id in ipairs({"app:one", "app:two", "app:new"}) do
  local e = registry.get(id)
  out[i] = e and e.data.n or false
end
out[4] = registry.current_version():id()
out[5] = #registry.versions()
return out
"""
FILES = """
- {name: one, kind: registry.entry, data: {n: 1}}
- {name: two, kind: registry.entry, data: {n: 1}}
- {name: processes, kind: process.host, lifecycle: {auto_start: true}}
- {name: read, kind: function.lua, method: main, modules: [registry], source: file://read.lua}
- {name: set, kind: function.lua, method: main, modules: [registry], source: file://set.lua}
- {name: back, kind: function.lua, method: main, modules: [registry], source: file://back.lua}
"""
BACK = """
local registry = require("registry")
local n = ...
return assert(registry.apply_version(registry.history():get_version(n)))
"""


@pytest.fixture
def folder(tmp_path):
    def text(body):
        return f"return {{main = function(...)\n{body}\nend}}\n"

    source = tmp_path / "src"
    source.mkdir()
    entries = "\n".join("  " + line for line in FILES.strip().splitlines())
    (source / "_index.yaml").write_text(f'version: "1.0"\nnamespace: app\nentries:\n{entries}\n')
    for name, body in (("read", READ), ("set", SET), ("back", BACK)):
        (source / f"{name}.lua").write_text(text(body))
    return tmp_path


def test_changes_are_there_after_a_restart(folder):
    with application(folder=folder, config=CONFIG) as app:
        assert app.call("app:read") == [1, 1, False, 0, 1]
        assert [app.call("app:set", n) for n in (2, 3, 4)] == [1, 2, 3]
        app.call("app:back", 2)
    with application(folder=folder, config=CONFIG) as app:
        assert app.call("app:read") == [3, 1, False, 2, 4]
        app.call("app:back", 0)
        assert app.call("app:read") == [1, 1, False, 0, 4]
        app.call("app:back", 3)
        assert app.call("app:read") == [4, 1, False, 3, 4]
        app.call("app:back", 1)
        assert app.call("app:set", 9) == 4
    with application(folder=folder, config=CONFIG) as app:
        assert app.call("app:read") == [9, 1, False, 4, 5]


def test_recorded_changes_stand_over_the_files_of_the_next_start(folder):
    with application(folder=folder, config=CONFIG) as app:
        app.call("app:set", 2)
        app.define({"name": "new", "kind": "registry.entry", "n": 5})
    index = folder / "src" / "_index.yaml"
    index.write_text(index.read_text().replace("{n: 1}", "{n: 7}"))
    with application(folder=folder, config=CONFIG) as app:
        assert app.call("app:read") == [2, 7, 5, 2, 3]
        app.call("app:back", 0)
        assert app.call("app:read") == [7, 7, False, 0, 3]


def test_reloaded_files_are_not_recorded(folder):
    index = folder / "src" / "_index.yaml"
    first = index.read_text()
    with application(folder=folder, config=CONFIG) as app:
        index.write_text(first.replace("{n: 1}", "{n: 7}"))
        outcome = app.run(app.app.reload(load_project(str(folder))))
        assert [str(id) for id in outcome.updated] == ["app:one", "app:two"]
        assert app.call("app:read") == [7, 7, False, 1, 2]
        app.call("app:set", 2)
        assert app.call("app:read")[:2] == [2, 7]
    index.write_text(first.replace("{n: 1}", "{n: 8}"))
    with application(folder=folder, config=CONFIG) as app:
        assert app.call("app:read") == [2, 8, False, 2, 3]


def test_what_comes_with_the_package_is_not_recorded(folder):
    imports = {"supervisor": "wippy.supervisor:supervisor"}
    user = process("user", "return function() return type(require('supervisor').run) end", imports=imports)
    with application(folder=folder, config=CONFIG) as app:
        app.define(user)
    rows = sqlite3.connect(folder / ".wippy" / "registry.db").execute("SELECT operations FROM version").fetchall()
    assert len(rows) == 1
    assert b"trap_links" not in rows[0][0]
    with application(folder=folder, config=CONFIG) as app:
        assert app.execute("app:user") == "function"


def test_a_change_that_cannot_be_recorded_is_undone(folder):
    with application(folder=folder, config=CONFIG) as app:
        app.call("app:set", 2)
        app.app.registry.history._db.execute("DROP TABLE version")
        with pytest.raises(WippyError, match=r"history of the registry .* cannot be used"):
            app.call("app:set", 3)
        with pytest.raises(WippyError, match=r"history of the registry .* cannot be used"):
            app.define(function("more", "return function() end"))
        assert app.call("app:read") == [2, 1, False, 1, 2]
        with pytest.raises(WippyError, match="no handler registered"):
            app.call("app:more")


def test_a_file_that_is_no_history_is_told(folder):
    (folder / ".wippy").mkdir()
    (folder / ".wippy" / "registry.db").write_text("this is no database, whatever its name may say " * 50)
    with pytest.raises(WippyError, match=r"registry\.db cannot be used"), application(folder=folder, config=CONFIG):
        pass


def test_an_unknown_type_is_kept_in_memory(folder):
    with application(folder=folder, config={"registry": {"history_type": "stone"}}) as app:
        assert app.call("app:set", 2) == 1
    with application(folder=folder, config={"registry": {"history_type": "stone"}}) as app:
        assert app.call("app:read") == [1, 1, False, 0, 1]
    assert not Config.load(str(folder)).get("registry.history_type", "")
