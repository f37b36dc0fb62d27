import re

import pytest

from application import application, library, process

CALL = """
return function(options)
  local value, err = require("eval_runner").run(options)
  if err then return {kind = err:kind(), message = err:message(), retryable = err:retryable()} end
  return {value = value}
end
"""
GOOD = "local M = {count = 0} function M.next() M.count = M.count + 1 return json.encode({n = M.count}) end return M"


@pytest.fixture(scope="module")
def app():
    entries = [
        process("call", CALL, ["eval_runner"]),
        library("good", GOOD),
        library("bad", "error('no way')"),
        {"name": "limited", "kind": "process.host", "host": {"workers": 1, "max_memory": "48MB"},
         "lifecycle": {"auto_start": True}},
    ]  # fmt: skip
    with application(*entries) as running:
        yield running


def run(app, source, host="app:processes", **options):
    found = app.execute("app:call", {"source": source, **options}, host=host)
    if isinstance(found, dict) and "kind" in found:
        assert found["retryable"] is False
        return f"{found['kind']}: {found['message']}"
    return found["value"] if found else None


@pytest.mark.parametrize(
    ("source", "options", "value"),
    [
        ("return 1 + 1", {}, 2),
        ("return 1.5, 'ignored'", {}, 1.5),
        ("local a, b = ... return a * b", {"args": [2, 3]}, 6),
        ("return {double = function(x) return x * 2 end}", {"method": "double", "args": [4]}, 8),
        ("return {a = {1, 2}, [3] = 1}", {}, {"a": [1, 2], "3": 1}),
        ("return nil", {}, None),
        ("return json.encode({1}) .. require('json').encode({a = 1})", {"modules": ["json"]}, '[1]{"a":1}'),
        ("return tostring(yaml)", {"modules": ["json"]}, "nil"),
        ("return pcall(require, 'yaml')", {"modules": ["json"]}, False),
        ("return json ~= nil and time ~= nil and fs == nil and sql == nil and eval_runner == nil", {}, True),
        ("return process == nil and channel == nil and payload == nil and subscribe == nil", {}, True),
        ("return fs ~= nil", {"modules": ["fs"], "allow_classes": ["storage"]}, True),
        ("return fs ~= nil and json ~= nil and sql ~= nil", {"allow_classes": ["storage", "time"]}, True),
        ("return l.next() .. require('l').next()", {"imports": {"l": "app:good"}}, '{"n":1}{"n":2}'),
        ("return l.next()", {"imports": {"l": {"id": "app:good"}}}, '{"n":1}'),
        (
            "return l.next() .. tostring(yaml)",
            {"modules": ["time"], "imports": {"l": {"id": "app:good", "modules": ["json"]}}},
            '{"n":1}nil',
        ),
        ("return ctx.get('k') .. ' ' .. #ctx.get('list')", {"context": {"k": "v", "list": [1, 2]}}, "v 2"),
        ("return {cfg.a, require('cfg').a}", {"custom_modules": {"cfg": {"a": 5}}}, [5, 5]),
        ("type P = {a: number}\nlocal ok = P:is({a = 1}) return ok ~= nil and P:is({}) == nil", {}, True),
        ("time.sleep('1ms') return 'slept'", {"modules": ["time"]}, "slept"),
        ("local x = 0 coroutine.spawn(function() x = 1 end) return x", {}, 1),
        ("return coroutine.wrap(function() coroutine.yield(7) end)()", {}, 7),
        ("return coroutine.running() == nil", {}, True),
        ("undefined_name = 5 return undefined_name", {}, 5),
        ("return undefined_name", {}, None),
        ("json = nil return json == nil and yaml ~= nil", {"modules": ["json", "yaml"]}, True),
        ("for k in pairs(_G) do if k == 'json' then return 'seen' end end", {"modules": ["json"]}, "seen"),
    ],
)  # fmt: skip
def test_result(app, source, options, value):
    assert run(app, source, **options) == value


@pytest.mark.parametrize(
    ("source", "options", "text"),
    [
        ("", {}, "^Invalid: source is required$"),
        ("return", {}, "^Internal: process completed with no result$"),
        ("x =", {}, "^Internal: compile failed: eval:1:4: unexpected symbol near <eof>"),
        ("return 1", {"modules": ["fs"]}, '^Internal: compile failed: module "fs" has forbidden class "storage"$'),
        ("return 1", {"modules": ["process"]}, '"process" has forbidden class "process"$'),
        ("return 1", {"modules": ["fs"], "allow_classes": ["network"]}, 'forbidden class "storage"$'),
        ("return 1", {"modules": ["nope"]}, r'^Internal: compile failed: module "nope" is not available \(have \d+ '),
        (
            "return 1",
            {"modules": ["time"], "imports": {"l": {"id": "app:good", "modules": ["fs"]}}},
            'module "fs" has forbidden class "storage"$',
        ),
        ("return 1", {"imports": {"l": "app:none"}}, r'failed to import "l" \(app:none\)'),
        ("return 1", {"imports": {"l": "app:call"}}, r'failed to import "l" \(app:call\): it is a process.lua'),
        ("return 1", {"imports": {"l": "app:bad"}}, r'run failed: failed to import "l" \(app:bad\): app:bad:1: no'),
        ("return {}", {"method": "f"}, 'run failed: method "f" not found'),
        ("\nerror('boom')", {}, "^Internal: run failed: eval:2: boom$"),
        ("error(errors.new{message = 'obj', kind = 'Custom'})", {}, "^Internal: run failed: obj$"),
        ("coroutine.yield(1)", {}, "yield command is not allowed in eval context"),
        ("while true do end", {}, "eval exceeded maximum step limit"),
        ("return pcall(function() while true do end end)", {}, "eval exceeded maximum step limit"),
        ("coroutine.spawn(function() while true do end end) while true do end", {}, "eval exceeded maximum step limit"),
        ("for i = 1, 20000 do time.sleep('0ms') end", {"modules": ["time"]}, "eval exceeded maximum step limit"),
        ("return channel.new():receive()", {"modules": ["channel"], "allow_classes": ["process"]}, "became idle"),
        ("local t = {} t.t = t return t", {}, "run failed: "),
    ],
)  # fmt: skip
def test_failure(app, source, options, text):
    assert re.search(text, run(app, source, **options))


def test_functions_of_a_custom_module_become_text(app):
    body = """return require("eval_runner").run({source = "return type(m.f) .. m.n.x",
      custom_modules = {m = {f = function() end, n = {x = 1}}}})"""
    assert app.lua(body, modules=["eval_runner"]) == "string1"


def test_print_goes_to_the_output(app, capfd):
    assert run(app, "print('hi', 1, nil, errors.new('e')) return true") is True
    assert capfd.readouterr().out == "hi\t1\tnil\te\n"


def test_programs_see_nothing_of_each_other(app):
    assert run(app, "left = 1 return rawget(_G, 'left')") == 1
    assert run(app, "return left") is None


def test_a_loop_in_a_program_does_not_stop_others(app):
    body = """local er = require("eval_runner")
    local turns, over = 0, false
    local done = channel.new(1)
    coroutine.spawn(function()
      local _, err = er.run({source = "while true do end"})
      over = true
      done:send(err:message())
    end)
    while not over do turns = turns + 1 time.sleep("1ms") end
    return {turns > 3, (done:receive())}"""
    found = app.lua(body, modules=["eval_runner", "time"])
    assert found == [True, "run failed: eval exceeded maximum step limit"]


def test_a_long_source_is_compiled_beside_others(app):
    """The worker is free while another thread compiles."""
    source = "local t = {x = 0} " + "t.x = t.x + 1 " * 8000 + "return t.x"
    running = app.begin("app:call", {"source": source})
    seen = [app.execute("app:call", {"source": f"return {i}"}) for i in range(3)]
    assert not running.done()
    assert [one["value"] for one in seen] == [0, 1, 2]
    assert running.result(30)["value"] == 8000


def test_memory_of_the_host_holds(app):
    source = "local t = {} while true do t[#t + 1] = string.rep('x', 100000) .. #t end"
    assert "not enough memory" in run(app, source, host="app:limited")
    assert run(app, "return 1", host="app:limited") == 1


def test_a_program_ends_with_its_caller(app):
    pid = app.spawn("app:call", {"source": "time.sleep('1h') return 1", "modules": ["time"]})
    app.settle()
    assert app.host().figures()["timers"] == 1
    app.lua("assert(process.terminate(...))", pid)
    app.settle()
    assert app.host().figures()["timers"] == 0


def test_compile(app):
    body = """local er = require("eval_runner")
    local p = assert(er.compile("return 1", "go", {modules = {"time", "json"}}))
    local q = assert(er.compile("return 1"))
    local _, syntax = er.compile("return +")
    local _, banned = er.compile("return 1", "", {modules = {"sql"}})
    local _, empty = er.compile("")
    local _, import = er.compile("return 1", "", {imports = {l = "app:none"}})
    local ok, raised = pcall(er.compile)
    return {p:method(), p:modules(), q:method(), #q:modules(), type(p), syntax:message(), banned:message(),
      empty:kind(), import:message(), ok, raised}"""
    found = app.lua(body, modules=["eval_runner"])
    assert found[:5] == ["go", ["time", "json"], "", 0, "userdata"]
    assert found[5].startswith("compile failed: eval:1:")
    assert found[6] == 'compile failed: module "sql" has forbidden class "storage"'
    assert found[7] == "Invalid"
    assert 'failed to import "l" (app:none)' in found[8]
    assert found[9] is False
    assert "bad argument #1 to compile (string expected, got nil)" in found[10]
