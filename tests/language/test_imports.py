"""Modules and libraries: what code sees under which name, and how often a library runs."""

from __future__ import annotations

import pytest

from application import Application, application, function, host, library, process
from wippy.errors import WippyError

COUNTER = """
local n = 0
return {next = function() n = n + 1; return n end}
"""
LEFT = "return {next = function() return require('counter').next() end}"
ENTRIES = (
    host("second"),
    library("counter", COUNTER),
    library("left", LEFT, imports={"counter": "app:counter"}),
    library("right", LEFT, imports={"counter": "app:counter"}),
    library("silent", "LOADED = (LOADED or 0) + 1"),
    library("text", "return 'just text'"),
    library("no", "return false"),
    library("own", "return function(x) return type(x) end"),
)


@pytest.fixture(scope="module")
def app():
    with application(*ENTRIES) as found:
        yield found


def refused(app: Application, entry: str, *args: object) -> WippyError:
    with pytest.raises(WippyError) as caught:
        app.execute(entry, *args)
    return caught.value


def test_declared_modules_are_globals_and_what_require_gives(app):
    assert app.lua("return require('json') == json and json.encode({1}) == '[1]'", modules=["json"])


@pytest.mark.parametrize("name", ["json", "jsn", "app:counter", "counter", "", "string.rep", "socket"])
def test_what_is_not_declared_is_not_found(app, name):
    found = app.lua("local ok, e = pcall(require, ...) return {ok, e}", name)
    assert found[0] is False
    assert f"module '{name}' not found: it is in neither modules: nor imports: of " in found[1]


def test_an_undeclared_module_is_an_error_at_its_line(app):
    app.define(process("undeclared", "local x = 1\nlocal j = require('json')\nreturn function() end"))
    error = refused(app, "app:undeclared")
    assert error.kind == "Internal"
    assert "app:undeclared:2: module 'json' not found" in error.message


def test_base_globals_are_required_like_modules(app):
    assert app.lua("return require('string') == string and require('channel') == channel")


def test_require_takes_a_text(app):
    assert "bad argument #1 to require (string expected, got table)" in app.lua(
        "local _, e = pcall(require, {}) return e"
    )


def test_imports_go_by_their_alias(app):
    entry = process(
        "aliased",
        "return function() return {require('c') == c, c.next(), require('c').next(), tostring(counter)} end",
        imports={"c": "app:counter"},
    )
    app.define(entry)
    assert app.execute("app:aliased") == [True, 1, 2, "nil"]


def test_an_import_may_be_given_in_two_parts(app):
    app.define(
        process("parts", "return function() return c.next() end", imports={"c": {"ns": "app", "name": "counter"}})
    )
    assert app.execute("app:parts") == 1


def test_a_bare_name_imports_a_module_under_another_name(app):
    app.define(
        process("bare", "return function() return {j.encode({a = 1}), tostring(json)} end", imports={"j": "json"})
    )
    assert app.execute("app:bare") == ['{"a":1}', "nil"]


def test_two_importers_share_one_instance(app):
    app.define(
        process(
            "shared",
            "return function() return {l.next(), r.next(), counter.next(), c.next(), l.next(), c == counter} end",
            imports={"l": "app:left", "r": "app:right", "c": "app:counter"},
        )
    )
    assert app.execute("app:shared") == [1, 2, 3, 4, 5, True]


def test_libraries_run_before_their_importers_and_with_no_arguments(app):
    app.define(
        library("deep", "TRAIL = 'deep' .. select('#', ...); return true"),
        library("middle", "TRAIL = TRAIL .. ' middle' .. select('#', ...); return true", imports={"d": "app:deep"}),
        process(
            "ordered",
            "TRAIL = TRAIL .. ' main' .. select('#', ...)\nreturn function() return TRAIL end",
            imports={"m": "app:middle", "d": "app:deep"},
        ),
    )
    assert app.execute("app:ordered") == "deep0 middle0 main0"


def test_a_library_may_return_any_value(app):
    body = "return function() return {require('t'), (pcall(require, 's')), LOADED, require('n'), o(1)} end"
    app.define(process("any", body, imports={"t": "app:text", "s": "app:silent", "n": "app:no", "o": "app:own"}))
    assert app.execute("app:any") == ["just text", False, 1, False, "number"]


def test_any_lua_entry_can_be_imported(app):
    app.define(
        function("fn", "return {main = function() return 'main' end, other = function() return 'other' end}"),
        process("imports_fn", "return function() return f.other() end", imports={"f": "app:fn"}),
    )
    assert app.execute("app:imports_fn") == "other"


def test_an_alias_replaces_a_base_global_for_the_whole_state(app):
    app.define(
        library("loud", "return function(v) return v or error('loud: ' .. tostring(v), 0) end"),
        library("helper", "return function(v) return pcall(assert, v) end"),
        process(
            "shadowing",
            "return function() local _, mine = pcall(assert, false) local _, theirs = h(false) "
            "return {mine, theirs, assert == require('assert')} end",
            imports={"assert": "app:loud", "h": "app:helper"},
        ),
    )
    assert app.execute("app:shadowing") == ["loud: false", "loud: false", True]
    assert app.lua("local _, e = pcall(assert, false) return e").endswith("assertion failed!")


@pytest.mark.parametrize("write", ["json = {encode = E}", "_G.json = {encode = E}"])
def test_an_assignment_replaces_a_module_for_every_chunk_of_the_state(app, write):
    app.define(
        library(
            "user",
            "local j = json return {late = function() return json.encode(1) end, "
            "early = function() return j.encode(1) end}",
            ["json"],
        ),
        process(
            "replacing",
            f"local E = function() return 'mine' end\n{write}\n"
            "return function() return {json.encode(1), require('json').encode(1), u.late(), u.early()} end",
            ["json"],
            imports={"u": "app:user"},
        ),
    )
    assert app.execute("app:replacing") == ["mine", "mine", "mine", "1"]


@pytest.mark.parametrize("write", ["json = nil", "_G.json = nil", "rawset(_G, 'json', nil)"])
def test_a_module_that_is_set_to_nil_is_gone(app, write):
    app.define(
        process(
            "cleared", f"{write}\nreturn function() return {{tostring(json), (pcall(require, 'json'))}} end", ["json"]
        )
    )
    assert app.execute("app:cleared") == ["nil", False]


def test_the_table_of_globals_is_an_ordinary_table(app):
    found = app.lua(
        """
        local seen = {}
        for name, value in pairs(_G) do seen[name] = value end
        mine = 1
        assert(seen.json == json and seen.print == print and seen.require == require and seen._G == _G)
        assert(rawget(_G, "string") == string and rawget(_G, "mine") == 1 and rawget(_G, "absent") == nil)
        assert(next(_G) ~= nil and #_G == 0)
        print = nil
        _G["tostring"] = function() return "mine" end
        return {type(print), tostring(1), type(json), mine}
        """,
        modules=["json"],
    )
    assert found == ["nil", "mine", "table", 1]
    assert app.lua("return type(print)") == "function"


def test_a_global_that_is_replaced_and_then_cleared_stays_away(app):
    assert app.lua(
        "assert = 1; assert = nil; absent = 1; absent = nil; return {tostring(assert), tostring(absent)}"
    ) == [
        "nil",
        "nil",
    ]


def test_modules_of_a_library_are_seen_by_its_importer(app):
    app.define(
        library("encoder", "return function(v) return json.encode(v) end", ["json"]),
        process("leans", "return function() return enc({1}) .. json.encode(2) end", imports={"enc": "app:encoder"}),
    )
    assert app.execute("app:leans") == "[1]2"


@pytest.mark.parametrize(
    "call", ["time.sleep('1ms')", "channel.new():receive()", "funcs.call('app:fn')", "process.inbox():receive()"]
)
@pytest.mark.parametrize("where", ["library", "chunk"])
def test_top_level_code_cannot_wait(app, call, where):
    modules = ["time", "funcs"]
    app.define(
        function("fn", "return function() return 1 end"),
        library("waits", f"{call}\nreturn {{}}", modules),
        process("waiting_library", "return function() end", imports={"w": "app:waits"}),
        process("waiting_chunk", f"{call}\nreturn function() end", modules),
    )
    error = refused(app, f"app:waiting_{where}")
    assert error.kind == "Internal"
    if where == "library":
        assert error.message.startswith("failed to load dependency app:waits: app:waits:1: ")
    else:
        assert error.message.startswith("failed to execute script: app:waiting_chunk:1: ")


def test_a_library_that_raises_fails_the_load_with_its_name_and_line(app):
    app.define(
        library("raises", "local x = 1\nerror('out of order')"),
        library("between", "return {}", imports={"r": "app:raises"}),
        process("unlucky", "return function() end", imports={"b": "app:between"}),
        function("unlucky_fn", "return function() end", imports={"b": "app:between"}),
    )
    text = "failed to load dependency app:raises: app:raises:2: out of order"
    assert refused(app, "app:unlucky").message.startswith(text)
    with pytest.raises(WippyError, match="failed to load dependency app:raises"):
        app.call("app:unlucky_fn")
    app.define(library("raises", "return {}"))
    assert app.execute("app:unlucky") is None
    assert app.call("app:unlucky_fn") is None


def test_a_library_that_raises_an_error_object_keeps_its_text(app):
    app.define(
        library("throws", "error(errors.new({kind = 'Conflict', message = 'twice'}))"),
        process("thrown", "return function() end", imports={"t": "app:throws"}),
    )
    assert refused(app, "app:thrown").message.startswith("failed to load dependency app:throws: twice")


def test_the_update_of_a_library_reaches_new_units_and_leaves_running_ones(app):
    app.define(
        library("words", "return {word = 'old'}"),
        library("inner", "return function() return words.word end", imports={"words": "app:words"}),
        function("says", "return function() return i() end", imports={"i": "app:inner"}),
        process(
            "running",
            "return function() process.inbox():receive() return i() end",
            ["process"],
            imports={"i": "app:inner"},
        ),
        process("tell", "return function(pid) return process.send(pid, 'go') end", ["process"]),
    )
    assert app.call("app:says") == "old"
    started = app.host().execute("app:running", [], name="running")
    app.settle()
    app.define(library("words", "return {word = 'new'}"))
    assert app.call("app:says") == "new"
    app.execute("app:tell", "running")
    assert started.result(30) == "old"
    again = app.host().execute("app:running", [], name="running")
    app.settle()
    app.execute("app:tell", "running")
    assert again.result(30) == "new"
