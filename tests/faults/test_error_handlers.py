"""Errors in what handles errors end the process that made them, once, and nobody else."""

from __future__ import annotations

import pytest

from application import application, host, process

BAD = "setmetatable({}, {__tostring = function() error('in __tostring') end})"

RAISING = {
    "error value whose __tostring errs": f"error({BAD})",
    "the same in a coroutine": f"coroutine.wrap(function() error({BAD}) end)()",
    "the same in a spawned coroutine": f"coroutine.spawn(function() error({BAD}) end) channel.new():receive()",
    "the same out of a handler": f"local _, e = xpcall(error, function() return {BAD} end) error(e)",
    "__tostring that gives no text": "error(setmetatable({}, {__tostring = function() return {} end}))",
    "__tostring that gives itself": "local t = {} error(setmetatable(t, {__tostring = function() return t end}))",
    "__tostring that overflows": "local t = setmetatable({}, {}) getmetatable(t).__tostring = tostring error(t)",
    "__tostring that raises the value again": "error(setmetatable({}, {__tostring = error}))",
    "__tostring that never ends": "error(setmetatable({}, {__tostring = function() while true do end end}))",
    "__tostring that ends its process": """error(setmetatable({}, {__tostring = function()
        process.terminate(process.pid()) return 'x' end}))""",
    "__tostring that waits": "error(setmetatable({}, {__tostring = function() channel.new():receive() end}))",
    "__name that is no text": "error(setmetatable({}, {__name = {}}))",
    "no value": "error()",
    "a function": "error(print)",
    "a coroutine": "error(coroutine.create(print))",
    "a channel": "error(channel.new())",
    "a message": "process.send(process.pid(), 't', 1) error(process.inbox():receive())",
    "bytes that are no text": "error('\\255\\254', 0)",
    "a text of a megabyte": "error(('x'):rep(1 << 20), 0)",
    "recursion without end": "local function f() return 1 + f() end f()",
    "recursion without end through pcall": "local function f() local ok, e = pcall(f) error(e) end f()",
    "recursion without end in a handler": "local function h(e) return 1 + h(e) end"
    " local _, e = xpcall(error, h) error(e or 'none')",
    "a chain of wrapped coroutines": """
        local function chain(n) if n == 0 then error('deep') end return coroutine.wrap(chain)(n - 1) end
        chain(150)""",
    "an error in a comparison": "table.sort({3, 2, 1}, function() error('in sort') end)",
    "an error in gsub": "(('x'):gsub('x', function() error('in gsub') end))",
    "an error in __index of an error value": "error(setmetatable({}, {__index = function() error('in index') end}))",
}

CAUGHT = {
    "a handler that errs": ("xpcall(error, function() error('second') end, 'first')", False),
    "a handler that errs with a bad value": (f"xpcall(error, function() error({BAD}) end)", False),
    "a handler that is none": ("pcall(xpcall, error, 1)", False),
    "pcall of pcall": ("pcall(pcall, error, 'x')", True),
    "pcall of nothing": ("pcall()", False),
    "pcall of itself without end": ("pcall(function() local function f() return pcall(f) end return f() end)", True),
    "a resumed coroutine that errs badly": (f"coroutine.resume(coroutine.create(function() error({BAD}) end))", False),
    "a coroutine that resumes itself": (
        "coroutine.resume((function() local co co = coroutine.create(function()"
        " local ok, e = coroutine.resume(co) error(e) end) return co end)())",
        False,
    ),
    "a handler that yields": ("xpcall(error, function(e) coroutine.yield() return e end, 'x')", False),
}


@pytest.fixture(scope="module")
def app():
    raising = [process(f"raise{n}", f"return function() {body} end") for n, body in enumerate(RAISING.values())]
    caught = [
        process(f"catch{n}", f"return function() local ok = {body} return ok end")
        for n, (body, _) in enumerate(CAUGHT.values())
    ]
    with application(
        host("processes", 1),
        host("other", 1),
        *raising,
        *caught,
        process(
            "watch",
            """
            return function(entry, where)
              process.set_options({trap_links = true})
              local pid = process.spawn_linked_monitored(entry, where)
              local events, seen = process.events(), {}
              for i = 1, 2 do
                local e = events:receive()
                local err = e.result.error
                seen[i] = {e.kind, e.from == pid, err ~= nil, type(err and err:message())}
              end
              return seen
            end
            """,
        ),
    ) as app:
        yield app


@pytest.mark.parametrize("where", ["app:processes", "app:other"])
@pytest.mark.parametrize("name", RAISING)
def test_it_fails_once_and_says_so(app, name: str, where: str) -> None:
    entry = f"app:raise{list(RAISING).index(name)}"
    assert app.execute("app:watch", entry, where) == [
        ["pid.exit", True, True, "string"],
        ["pid.link.down", True, True, "string"],
    ]
    assert app.lua("return 1", host=where) == 1


@pytest.mark.parametrize("name", RAISING)
def test_it_fails_a_spawn_and_nothing_else(app, name: str) -> None:
    if not app.app.registry.get("app:top"):
        app.define(process("top", ""))
    app.define(process("top", f"{RAISING[name]} return function() end"))
    for where in ("app:processes", "app:other"):
        kind = app.lua("local pid, err = process.spawn('app:top', ...) return err and err:kind()", where)
        assert kind in ("Internal", "NotFound")
        assert app.lua("return 1", host=where) == 1


@pytest.mark.parametrize("name", CAUGHT)
def test_it_can_be_caught(app, name: str) -> None:
    assert app.execute(f"app:catch{list(CAUGHT).index(name)}") is CAUGHT[name][1]
