"""uuid, env, logger, registry, payload, and the declaration itself."""
# ruff: noqa: E501 - Lua code in the tests is easier to read on one line

from __future__ import annotations

import uuid as python_uuid

import pytest

from wippy.modules.caller import Call
from wippy.modules.catalog import BUILT_IN, Catalog
from wippy.modules.module import REFUSE, Module

from .harness import Lua, LuaFailure, Services


@pytest.fixture
def lua() -> Lua:
    return Lua()


def test_uuid_versions_come_from_the_clock_and_entropy_of_the_unit() -> None:
    code = 'local u = require("uuid") return u.v1(), u.v4(), u.v7()'
    first, second = Lua(workflow=True).call(code), Lua(workflow=True).call(code)
    assert first == second
    for text, version in zip(first[:3], (1, 4, 7), strict=True):
        assert python_uuid.UUID(text).bytes[6] >> 4 == version
        assert python_uuid.UUID(text).variant == python_uuid.RFC_4122


def test_uuid_functions(lua: Lua) -> None:
    dns = str(python_uuid.NAMESPACE_DNS)
    got = lua.call(
        f"""
        local u = require("uuid")
        local id = u.v5("{dns}", "a.example")
        local _, e1 = u.v5("{dns}", 5) local _, e2 = u.v3("x", "y") local _, e3 = u.parse("zz") local _, e4 = u.version(5)
        local t = u.parse(u.v7())
        return id, (u.v3("{dns}", "a.example")), (u.validate("{{{dns}}}")), (u.validate("urn:uuid:{dns.upper()}")), (u.validate(5)),
          (u.version(id)), (u.variant(id)), t.timestamp, (u.format(id, "simple")), (u.format(id, "urn")), (u.format(id, 5)),
          e1:message(), e2:message(), e3:message(), e4:message()
        """
    )
    five = str(python_uuid.uuid5(python_uuid.NAMESPACE_DNS, "a.example"))
    assert got == [
        five, str(python_uuid.uuid3(python_uuid.NAMESPACE_DNS, "a.example")), True, True, False, 5.0, "RFC4122", 1_700_000_000,
        five.replace("-", ""), "urn:uuid:" + five, five, "namespace and name must be strings", "invalid namespace UUID",
        "invalid UUID format", "input must be a string",
    ]  # fmt: skip


def test_env(lua: Lua) -> None:
    lua.services.environment.values.update(HOME="/h", SECRET="s")
    lua.services.denied |= {("env.get", "SECRET"), ("env.set", "LOCKED")}
    got = lua.call(
        """
        local env = require("env")
        local _, denied = env.get("SECRET") local _, missing = env.get("NOPE") local _, empty = env.get("") local _, locked = env.set("LOCKED", "1")
        return (env.get("HOME")), denied:kind(), denied:message(), missing:kind(), empty:message(), locked:message(), (env.set("A", "b")), (env.get_all())
        """
    )
    assert got == ["/h", "PermissionDenied", "not allowed to access environment variable: SECRET", "NotFound", "empty key",
                   "not allowed to set environment variable: LOCKED", True, {"HOME": "/h", "A": "b"}]  # fmt: skip


def test_logger(lua: Lua) -> None:
    got = lua.call(
        """
        local logger = require("logger")
        logger:info("plain")
        local child = logger:named("a"):named("b"):with{user = "u", n = 1}
        child:warn("hello", {n = 2.5, err = K.new_error("Invalid", "boom"), t = {x = {1, 2}}, [5] = "dropped"})
        return type(logger), type(require("logger").info)
        """
    )
    assert got == ["userdata", "function"]
    assert lua.services.logged == [
        ("info", "", "plain", {"location": "test:3"}),
        ("warn", "a.b", "hello", {"user": "u", "n": 2.5, "err": "boom", "t": {"x": [1, 2]}, "location": "test:5"}),
    ]


@pytest.mark.parametrize(
    ("call", "words"),
    [('logger.info("x")', "call it with a colon"), ('logger:info("x", nil)', "table expected, got nil"),
     ("logger:info()", "bad argument #2 to info"), ('logger:named("")', "name cannot be empty")],
)  # fmt: skip
def test_logger_misuse_raises(lua: Lua, call: str, words: str) -> None:
    with pytest.raises(LuaFailure, match=f"test:1: .*{words}"):
        lua.call(f'local logger = require("logger") local x = {call}')


def test_registry(lua: Lua) -> None:
    lua.services.registry.add("app:b", "registry.entry", {"type": "x"}, {"v": 1})
    lua.services.registry.add("app:a", "registry.entry", {"type": "x"})
    lua.services.registry.add("app:hidden", "registry.entry", {"type": "x"})
    lua.services.denied.add(("registry.get", "app:hidden"))
    got = lua.call(
        """
        local r = require("registry")
        local ids = {}
        for _, e in ipairs(r.find{["meta.type"] = "x"}) do ids[#ids + 1] = e.id end
        local _, missing = r.get("app:none") local _, hidden = r.get("app:hidden")
        return r.get("app:b").data.v, r.get("app:a").data, ids, #r.find{}, missing:message(), hidden:kind(), r.parse_id("a:b:c"), r.parse_id("x")
        """
    )
    assert got == [1, None, ["app:a", "app:b"], 2, "entry not found: app:none", "PermissionDenied",
                   {"ns": "a", "name": "b:c"}, {"ns": "", "name": "x"}]  # fmt: skip


def test_payload(lua: Lua) -> None:
    got = lua.call(
        """
        local payload = require("payload")
        local t = {a = {1, 2}, b = {}}
        local p = payload.new(t)
        local out = {p:get_format(), p:data() == t, tostring(p)}
        for _, name in ipairs{"JSON", "YAML", "MSGPACK", "GOLANG"} do
          local q = assert(p:transcode(payload.format[name]))
          out[#out + 1] = q:get_format() .. " " .. require("json").encode((q:data()))
        end
        out[#out + 1] = payload.new(5):transcode("text/plain"):data()
        local e = payload.new(K.new_error("Invalid", "boom"))
        local _, none = e:transcode("json/plain") local _, unknown = p:transcode("x/y")
        out[#out + 1] = e:get_format()
        out[#out + 1] = none:kind() .. " " .. none:message() .. ", " .. unknown:message()
        return out
        """
    )
    assert got == [
        "lua/any", True, "payload{format=lua/any}",
        'json/plain {"a":[1,2],"b":[]}', 'yaml/plain {"a":[1,2],"b":{}}', 'application/msgpack {"a":[1,2],"b":{}}',
        'golang/any {"a":[1,2],"b":{}}', "5", "golang/error", "Internal no transcoding path found, no transcoding path found",
    ]  # fmt: skip


class Counter:
    def __init__(self, start: int) -> None:
        self.value = start
        self.closed: list[int] = []

    def close(self) -> None:
        CLOSED.append(self.value)


CLOSED: list[int] = []
counter = Module("counter", classes={"deterministic"})
counter.object("Counter", Counter)


@counter.function(permission="counter.new", resource="start", denied="no {resource}")
def new(call: Call, start: int) -> Counter:
    return Counter(start)


@counter.method(Counter, failure=0)
async def add(call: Call, own: Counter, amount: float = 1.0) -> float:
    if amount < 0:
        raise ZeroDivisionError("oops")
    return own.value + amount


@counter.function(in_workflow=REFUSE, failure=False)
def shout(call: Call, *words: str) -> str:
    return " ".join(words).upper()


@pytest.fixture
def counting() -> Lua:
    return Lua(Services(denied={("counter.new", "13")}), catalog=Catalog((counter,)))


async def test_a_module_from_one_declaration(counting: Lua) -> None:
    got = await counting.run(
        """
        local c = require("counter")
        local one = c.new(1.0)
        local zero, err = one:add(-1)
        local _, denied = c.new(13)
        return one:add(2.5), one:add(), zero, err:kind(), err:message(), denied:message(), (c.shout("a", 5)), tostring(one), type(one)
        """
    )
    assert got == [3.5, 2.0, 0, "Internal", "ZeroDivisionError: oops", "no 13", "A 5", "counter.Counter{}", "userdata"]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ('local x = c.new("1")', r"test:1: bad argument #1 to new \(number expected, got string\)"),
        ("local x = c.new(1.5)", r"bad argument #1 to new \(number has no integer representation\)"),
        ("local x = c.new()", r"bad argument #1 to new \(number expected, got nil\)"),
        ("local x = c.shout('a', {})", r"bad argument #2 to shout \(string expected, got table\)"),
        ("local x = c.new(1).add(5)", r"bad argument #1 to add \(counter.Counter expected, got number\)"),
    ],
)
def test_wrong_arguments_point_at_the_call(counting: Lua, code: str, words: str) -> None:
    with pytest.raises(LuaFailure, match=words):
        counting.call('local c = require("counter") ' + code)


def test_handles_close_in_reverse_order(counting: Lua) -> None:
    CLOSED.clear()
    counting.call('local c = require("counter") a, b = c.new(1), c.new(2)')
    counting.bindings.release("p1")
    assert CLOSED == [2, 1]


async def test_a_released_handle_is_an_error(counting: Lua) -> None:
    await counting.run('held = require("counter").new(1)')
    counting.bindings.release("p1")
    assert (await counting.run("local v, e = held:add() return v, e:kind()")) == [0, "Invalid"]


def test_refused_in_a_workflow() -> None:
    lua = Lua(catalog=Catalog((counter,)), workflow=True)
    got = lua.call('local v, e = require("counter").shout("a") return v, e:message()')
    assert got == [False, "counter.shout cannot be used in a workflow: call it from a function and call that function"]


def test_declared_and_implemented_must_agree() -> None:
    module = Module("half", classes={"deterministic"})
    module.lua_function("missing(a: string)")
    with pytest.raises(LuaFailure, match="module half declares missing and does not implement it"):
        Lua(catalog=Catalog((module,))).call('return require("half")')


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_modules_load_and_are_classified(name: str) -> None:
    module = Catalog().get(name)
    if module is not None:
        assert module.name == name
        assert module.classes
