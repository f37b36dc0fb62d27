"""The modules for data in an application: real units, real imports."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from application import Application, application, function, library, process

MODULES = ["yaml", "base64", "hash", "crypto", "text", "uuid", "json"]


@pytest.fixture(scope="module")
def app() -> Iterator[Application]:
    patterns = """
        local text = require("text")
        local word = assert(text.regexp.compile("(?P<first>[a-z])[a-z]*"))
        return {first = function(s) return word:replace_all_string(s, "$first") end}
    """
    user = """
        local patterns = require("patterns")
        return {main = function(s) return patterns.first(s) end}
    """
    with application(
        library("patterns", patterns, ["text"]),
        function("initials", user, imports={"patterns": "app:patterns"}),
        process("nothing", "return {main = function() end}"),
    ) as running:
        yield running


def test_an_expression_of_a_library_outlives_the_call(app: Application) -> None:
    assert [app.call("app:initials", "hello big world") for _ in range(3)] == ["h b w"] * 3


def test_values_keep_their_kinds(app: Application) -> None:
    got = app.lua(
        r"""
        local yaml, json, hash, base64 = require("yaml"), require("json"), require("hash"), require("base64")
        local back = assert(yaml.decode(assert(yaml.encode({n = 1, x = 0.5, s = "yes", list = {1, 2}, none = {}}))))
        return {math.type(back.n), math.type(back.x), back.s, #back.list, (json.encode(back.none)),
          #hash.sha256("\xff\0", true), base64.decode(base64.encode("\xff\0")) == "\xff\0"}
        """,
        modules=MODULES,
    )
    assert got == ["integer", "float", "yes", 2, "{}", 32, True]


def test_errors_are_structured(app: Application) -> None:
    got = app.lua(
        """
        local text = require("text")
        local _, e = text.regexp.compile("(")
        local _, y = require("yaml").decode("a: [")
        local _, b = require("base64").decode("*")
        return {e:kind() == errors.INVALID, e:retryable(), tostring(e), y:kind() == errors.INTERNAL, b:message()}
        """,
        modules=MODULES,
    )
    assert got == [
        True,
        False,
        "error parsing regexp: missing closing ): `(`",
        True,
        "illegal base64 data at input byte 0",
    ]


def test_a_long_derivation_lets_others_work(app: Application) -> None:
    got = app.lua(
        """
        local crypto = require("crypto")
        local order = channel.new(2)
        coroutine.spawn(function() crypto.pbkdf2("p", "s", 60000, 32) order:send("derived") end)
        coroutine.spawn(function() order:send("other") end)
        return {(order:receive()), (order:receive())}
        """,
        modules=[*MODULES, "channel"],
    )
    assert got == ["other", "derived"]


def test_module_tables_are_read_only(app: Application) -> None:
    got = app.lua(
        """
        local crypto, text = require("crypto"), require("text")
        local a, b = pcall(function() crypto.jwt.verify = nil end), pcall(function() text.regexp = nil end)
        return {a, b, type(crypto.random.bytes), crypto.random.nothing == nil}
        """,
        modules=MODULES,
    )
    assert got == [False, False, "function", True]


def test_payload_is_a_global(app: Application) -> None:
    got = app.lua(
        """
        local p = payload.new({b = {1, 2}, a = "x"})
        local y = assert(p:transcode(payload.format.YAML))
        local m = assert(y:transcode(payload.format.MSGPACK))
        return {y:get_format(), tostring(m), m:data(), (m:unmarshal()).a}
        """
    )
    assert got == ["yaml/plain", "payload{format=application/msgpack}", {"a": "x", "b": [1, 2]}, "x"]
