"""User code reaches nothing behind the library: no hidden tables, no kernel values, no functions of plain Lua."""

from __future__ import annotations

import pytest
from lua_base import error, make_vm, run, text

ABSENT = (
    "load loadstring loadfile dofile collectgarbage rawlen getfenv setfenv module newproxy debug utf8 bit32 io python "
    "os.execute os.exit os.remove os.rename os.tmpname os.getenv os.setlocale table.pack table.move coroutine.close "
    "coroutine.isyieldable string.dump_ package.loaded package.preload package.searchers"
)
LIBRARIES = ("string", "table", "math", "os", "coroutine", "errors", "package")


@pytest.mark.parametrize("name", ABSENT.split())
def test_absent(name: str) -> None:
    assert run(f"return {name}") is None


@pytest.mark.parametrize("library", LIBRARIES)
def test_libraries_are_frozen(library: str) -> None:
    assert "attempt to modify Immutable table" in error(f"{library}.x = 1")
    assert "attempt to modify Immutable table" in error(f"rawset({library}, 'x', 1)")
    assert "attempt to modify Immutable table" in error(f"local k = nil; {library}[k] = 1")
    assert "attempt to modify Immutable table" in error(f"setmetatable({library}, {{}})")
    assert run(f"return getmetatable({library}), {library}.nothing") == (None, None)


@pytest.mark.parametrize("library", LIBRARIES)
def test_iterators_give_the_frozen_table(library: str) -> None:
    for function in ("pairs", "ipairs"):
        assert run(f"local f, t, k = {function}({library}) return rawequal(t, {library})") is True


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_copy_of_a_library_works(library: str) -> None:
    source = f"local copy, n = {{}}, 0 for k, v in pairs({library}) do copy[k] = v n = n + 1 end \
        for k, v in pairs(copy) do if {library}[k] ~= v then n = -1 end end return n"
    assert run(source) > 2


@pytest.mark.parametrize("call", ["next(e)", "pairs(e)", "ipairs(e)", "rawget(e, 1)", "rawset(e, 1, 1)", "unpack(e)"])
def test_objects_are_closed_to_table_functions(call: str) -> None:
    message = error(f"local e = errors.new('x') {call}")
    assert f"bad argument #1 to {call.split('(')[0]} (table expected, got userdata)" in message


def test_the_iterator_of_pairs_opens_only_its_own_table() -> None:
    source = """
        local step = pairs({})
        return step(errors.new("x")), step(string), step(_VERSION)
    """
    assert run(source) == (None, None, None)


def test_objects_keep_their_class() -> None:
    assert "table expected, got userdata" in error("setmetatable(errors.new('x'), {})")
    assert "nil or table expected" in error("setmetatable({}, errors.new('x'))")
    assert run("return getmetatable(errors.new('x'))") is None


@pytest.mark.parametrize("value", ["nil", "true", "5", "1.5", "'x'", "print", "coroutine.create(print)"])
def test_metatables_of_types_are_hidden(value: str) -> None:
    assert run(f"return getmetatable({value})") is None
    assert "table expected" in error(f"setmetatable({value}, {{}})")


def test_finalizers_never_run() -> None:
    vm = make_vm()
    source = """
        ran = 0
        local function gc() ran = ran + 1 end
        local late = {}
        for i = 1, 100 do
          setmetatable({}, {__gc = gc})
          setmetatable({}, table.freeze({__gc = gc}))
          table.freeze(setmetatable({}, {__gc = gc}))
          local t = setmetatable({}, late)
          late.__gc = gc
          table.freeze(t)
          setmetatable({}, late)
        end
        local kept = {__gc = gc, __index = {x = 1}}
        return setmetatable({}, kept).x, kept.__gc == gc, getmetatable(setmetatable({}, kept)) == kept
    """
    assert run(source, vm=vm) == (1, True, True)
    vm.K.raw[b"collectgarbage"](b"collect")
    vm.K.raw[b"collectgarbage"](b"collect")
    assert run("return ran", vm=vm) == 0


def test_a_frozen_table_as_a_metatable_is_not_shown_open() -> None:
    source = """
        local class = table.freeze({__index = {answer = 42}})
        local object = setmetatable({}, class)
        local same = getmetatable(object)
        return object.answer, rawequal(same, class), pcall(function() same.__index = nil end)
    """
    answer, same, ok, _ = run(source)
    assert (answer, same, ok) == (42, True, False)


def test_kernel_yields_and_kills_stay_hidden() -> None:
    vm = make_vm()
    # a function that parks and one that ends its unit, as kernel functions do
    run_in = vm.load_chunk(
        b"""local K, body = ...
        K.base.park = function() return K.raw.coyield(K.PARK) end
        K.base.kill = function() K.raw.error(K.KILL, 0) end""",
        b"test:setup",
    )
    run_in(vm.K._table)
    vm.K.base[b"resume_as_kernel"] = vm.load_chunk(
        b"""local K = ... return function(f)
            local co, woken = K.raw.cocreate(f), 0
            local ok, a, b = K.raw.coresume(co)
            while ok and a == K.PARK do
                woken = woken + 1
                ok, a, b = K.raw.coresume(co, "woken" .. woken)
            end
            if a == K.KILL then a = "killed" end
            return ok, a, b
        end""",
        b"test:kernel",
    )(vm.K._table)
    source = """
        return resume_as_kernel(function()
            local co = coroutine.create(function(x)
                local got = park()
                local inner = coroutine.wrap(function() return park() .. coroutine.yield("y") end)
                local y = inner()
                return got, x, y, (inner("z"))
            end)
            local ok, a, b, c, d = coroutine.resume(co, "start")
            return tostring(ok) .. " " .. a .. " " .. b .. " " .. c .. " " .. d
        end)
    """
    assert run(source, vm=vm)[:2] == (True, b"true woken1 start y woken2z")
    for body in (
        "pcall(kill)",
        "pcall(pcall, kill)",
        "xpcall(kill, function(e) return 1 end)",
        "coroutine.resume(coroutine.create(kill))",
        "coroutine.wrap(kill)()",
        "pcall(function() for _ in coroutine.wrap(function() pcall(kill) end) do end end)",
    ):
        assert run(f"return resume_as_kernel(function() {body} return 'caught' end)", vm=vm)[:2] == (False, b"killed")


def test_parking_inside_protected_calls_metamethods_and_iterators() -> None:
    vm = make_vm()
    vm.K.base[b"wait"] = vm.load_chunk(
        b"local K = ... return function() return K.raw.coyield(K.PARK) end", b"test:wait"
    )(vm.K._table)
    vm.K.base[b"as_kernel"] = vm.load_chunk(
        b"""local K = ... return function(f)
            local co, n = K.raw.cocreate(f), 0
            local ok, a = K.raw.coresume(co)
            while ok and a == K.PARK do n = n + 1 ok, a = K.raw.coresume(co, n) end
            return ok, a
        end""",
        b"test:kernel",
    )(vm.K._table)
    source = """
        return as_kernel(function()
            local out = {}
            local _, a = pcall(wait)
            out[1] = a
            local _, b = xpcall(function() return wait() end, print)
            out[2] = b
            local t = setmetatable({}, {__index = function() return wait() end, __add = function() return wait() end,
                __tostring = function() return "t" .. wait() end, __concat = function() return wait() end,
                __eq = function() return wait() == 6 end})
            out[3], out[4], out[5] = t.x, t + 1, tostring(t)
            out[6] = t == setmetatable({}, getmetatable(t))
            out[7] = "x" .. t
            for v in function() local n = wait() if n < 10 then return n end end do out[#out + 1] = v end
            local _, e = xpcall(error, function() return wait() end)
            out[#out + 1] = e
            for i = 1, #out do out[i] = tostring(out[i]) end
            return table.concat(out, " ")
        end)
    """
    assert run(source, vm=vm) == (True, b"1 2 3 4 t5 true 7 8 9 11")


def test_the_spawned_thread_is_a_coroutine() -> None:
    vm = make_vm()
    vm.load_chunk(b"local K = ... K.spawn_thread = function(fn) return { co = K.raw.cocreate(fn), p = K } end", b"t:t")(
        vm.K._table
    )
    source = "local th = coroutine.spawn(print) return type(th), coroutine.status(th), coroutine.resume(th)"
    assert run(source, vm=vm) == (b"thread", b"suspended", False, b"can not resume a running thread")
    assert "bad argument #1 to spawn (function expected, got nil)" in error("coroutine.spawn()")


def test_print_text_and_types_have_no_way_in() -> None:
    assert text("return type(errors.new('x')), type(string), type(print)") == "userdata table function"
    assert run("return _G") is None or run("return type(_G)") == b"table"
