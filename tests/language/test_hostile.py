"""Code that means no good: whatever one process does, the others of its worker go on and it can be ended."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from application import Application, application, function, host, process
from wippy.errors import WippyError

MANY = "local t = {} for i = 1, 3e4 do t[i] = i end "
ENDLESS = {
    "a loop": "while true do end",
    "a goto": "::a:: goto a",
    "tail calls": "local function f() return f() end f()",
    "long texts": "while true do local s = ('x'):rep(1 << 24) end",
    "growing texts": "local s = '' while true do s = s .. ('x'):rep(1000) if #s > 1e6 then s = '' end end",
    "plain searches": "local s = ('a'):rep(1e6) while true do s:find('b', 1, true) end",
    "searches": "local s = ('a'):rep(1e5) while true do s:find('[bc]') end",
    "replacements": "local s = ('a'):rep(1e5) while true do s:gsub('a', 'bb') end",
    "a search from every byte": "local s = ('a'):rep(1e6) while true do s:find('a-b') end",
    "unbalanced parentheses": "local s = ('('):rep(1e6) while true do s:find('%b()') end",
    "back references": "local s = ('ab'):rep(1e5) while true do s:match('(.-)%1%1%1b') end",
    "many choices in a short text": "while true do ('a'):rep(90):find(('a*'):rep(20) .. 'b') end",
    "choices between few": "while true do ('x'):rep(30):find(('x?'):rep(30) .. ('x'):rep(30) .. 'y') end",
    "upper case": "local s = ('é'):rep(1e5) while true do s:upper() end",
    "inserts in front": MANY + "while true do table.insert(t, 1, 1) t[#t] = nil end",
    "joining": MANY + "while true do table.concat(t, ',') end",
    "unpacking": MANY + "while true do local all = {unpack(t)} end",
    "validations": MANY + "local T = typeof({1}) while true do T:is(t) end",
    "details of errors": MANY + "while true do errors.new({message = 'm', details = {t = t}}):details() end",
    "sorting": "while true do local t = {} for i = 1, 20000 do t[i] = -i end table.sort(t) end",
    "a wrong order": MANY + "while true do table.sort(t, function() return true end) end",
    "formats": "local f = string.format while true do f(('%9999d'):rep(9), 1, 2, 3, 4, 5, 6, 7, 8, 9) end",
    "long dates": "while true do os.date(('%c'):rep(1e5)) end",
    "long layouts": "while true do string.packsize(('i'):rep(1e5)) end",
    "errors": "while true do pcall(error, 'x') end",
    "coroutines": "while true do coroutine.wrap(function() end)() end",
    "spawned coroutines": "while true do coroutine.spawn(function() end) end",
    "protected loops": "while true do pcall(function() while true do end end) end",
    "a metamethod": "return setmetatable({}, {__index = function() while true do end end}).x",
}
FATAL = {
    "recursion": ("local function f() return 1 + f() end f()", "stack overflow"),
    "nested coroutines": ("local function f() return coroutine.wrap(f)() end f()", "stack overflow"),
    "a metamethod of itself": (
        "local t = setmetatable({}, {__index = function(t, k) return t[k] end}) return t.x",
        "stack overflow",
    ),
    "a chain of tables": (
        "local t = {} for i = 1, 1e4 do t = setmetatable({}, {__index = t}) end return t.x",
        "too many recursions in gettable",
    ),
    "a text of its own": (
        "local t t = setmetatable({}, {__tostring = function() return tostring(t) end}) tostring(t)",
        "stack overflow",
    ),
    "a result in itself": ("local t = {} t[1] = t return t", "contains itself"),
    "a deep result": ("local t = {} for i = 1, 1e5 do t = {t} end return t", ""),
    "too long a text": ("('x'):rep(1 << 40)", "resulting string too large"),
    "too many values": ("table.unpack({}, 1, 1e8)", "too many results"),
    "a text that runs on": (
        "error(setmetatable({}, {__tostring = function() while true do end end}))",
        "code that cannot be suspended ran too long",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def app() -> Iterator[Application]:
    with application(
        host("processes", 1),
        process("echo", "return function(x) return x end"),
        process("end", "return function(name) return process.terminate(process.registry.lookup(name)) end"),
    ) as found:
        yield found


@pytest.mark.parametrize("what", ENDLESS)
def test_others_go_on(app: Application, what: str) -> None:
    body = ENDLESS[what]
    app.define(process("hostile", f"return function() {'local _ = ' if body[0] == '(' else ''}{body} end"))
    running = app.host().execute("app:hostile", [], name="hostile")
    assert [app.execute("app:echo", i) for i in range(10)] == list(range(10))
    assert not running.done()
    assert app.execute("app:end", "hostile") is True
    with pytest.raises(WippyError, match="terminated"):
        running.result(30)


@pytest.mark.parametrize("what", FATAL)
def test_the_end_of_one_is_not_the_end_of_others(app: Application, what: str) -> None:
    body, message = FATAL[what]
    source = f"return function() {'local _ = ' if body[0] == '(' else ''}{body} end"
    app.define(process("fatal", source), function("fatal_fn", source))
    for run in (lambda: app.execute("app:fatal"), lambda: app.call("app:fatal_fn")):
        with pytest.raises(WippyError) as caught:
            run()
        assert message in caught.value.message
        assert app.execute("app:echo", 1) == 1
