"""The module ctx: reading the values of a call."""

import pytest

from application import application, function, process
from wippy.units.frame import Frame

MODULES = ["ctx", "funcs"]


@pytest.fixture(scope="module")
def app():
    with application(
        function(
            "get",
            """
            local ctx = require("ctx")
            return function(key)
              local value, err = ctx.get(key)
              return {value = value, type = type(value), math = math.type(value),
                kind = err and err:kind(), text = err and err:message(), retryable = err and err:retryable()}
            end""",
            MODULES,
        ),
        function("all", "local ctx = require('ctx') return function() return ctx.all() end", MODULES),
        function(
            "change",
            """
            local ctx = require("ctx")
            return function()
              local first = ctx.get("t")
              first.list[1], first.more = "changed", true
              local all = ctx.all()
              all.t.list[2], all.new = "changed", true
              return {ctx.get("t"), ctx.all()}
            end""",
            MODULES,
        ),
    ) as app:
        yield app


def run(app, body):
    return app.lua(f"local funcs, ctx = require('funcs'), require('ctx')\n{body}", modules=MODULES)


def test_without_values_the_table_is_empty(app):
    assert run(app, "local all, err = ctx.all() return {type(all), next(all) == nil, err == nil}") == [
        "table",
        True,
        True,
    ]


@pytest.mark.parametrize(
    ("key", "kind", "text"), [("''", "Invalid", "empty key"), ("'gone'", "NotFound", "key not found: gone")]
)
def test_a_key_that_is_not_there(app, key, kind, text):
    assert run(app, f"return funcs.call('app:get', {key})") == {
        "type": "nil",
        "kind": kind,
        "text": text,
        "retryable": False,
    }


@pytest.mark.parametrize("key", ["nil", "5", "{}", "true"])
def test_a_key_of_another_type_raises(app, key):
    ok, text = run(app, f"local ok, err = pcall(ctx.get, {key}) return {{ok, tostring(err)}}")
    assert not ok
    assert "bad argument #1 to get (string expected" in text


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("42", {"value": 42.0, "type": "number", "math": "float"}),
        ("1.5", {"value": 1.5, "type": "number", "math": "float"}),
        ("'text'", {"value": "text", "type": "string"}),
        ("false", {"value": False, "type": "boolean"}),
    ],
)
def test_values_keep_their_type_and_numbers_are_floats(app, value, found):
    got = run(app, f"return funcs.new():with_context({{k = {value}}}):call('app:get', 'k')")
    assert got == found
    assert type(got["value"]) is type(found["value"])


def test_tables_are_plain_data_with_floats(app):
    got = run(
        app,
        """
        local f = funcs.new():with_context({
          list = {1, "two", x = "dropped"}, map = {a = 1, [true] = 2}, empty = {}, err = errors.new("went wrong"),
          fn = print, [7] = "dropped",
        })
        return f:call("app:all")
        """,
    )
    assert type(got.pop("fn")) is str
    assert got == {"list": [1.0, "two"], "map": {"a": 1.0, "true": 2.0}, "empty": {}, "err": "went wrong"}
    assert type(got["list"][0]) is float


def test_every_reading_gives_fresh_tables(app):
    first, every = run(app, "return funcs.new():with_context({t = {list = {'a', 'b'}}}):call('app:change')")
    assert first == {"list": ["a", "b"]}
    assert every == {"t": {"list": ["a", "b"]}}


def test_values_are_taken_when_they_are_set(app):
    assert run(
        app,
        """
        local source = {t = {1}}
        local f = funcs.new():with_context(source)
        source.t[1], source.more = 2, true
        return f:call("app:all")
        """,
    ) == {"t": [1.0]}


def test_with_context_merges_and_leaves_the_executor_untouched(app):
    assert run(
        app,
        """
        local one = funcs.new():with_context({a = 1, b = 1})
        local two = one:with_context({b = 2, c = 2})
        return {one:call("app:all"), two:call("app:all"), one ~= two}
        """,
    ) == [{"a": 1.0, "b": 1.0}, {"a": 1.0, "b": 2.0, "c": 2.0}, True]


def test_a_read_only_table_is_a_context_too(app):
    assert run(app, "return funcs.new():with_context(table.freeze({a = 'x'})):call('app:all')") == {"a": "x"}


def test_a_context_that_holds_itself_is_an_error(app):
    ok, text = run(
        app,
        """
        local t = {}
        t.t = t
        local ok, err = pcall(function() return funcs.new():with_context(t) end)
        return {ok, tostring(err)}
        """,
    )
    assert not ok
    assert "contains itself" in text


def test_a_program_reads_what_it_is_started_with(app):
    app.define(process("reader", "local ctx = require('ctx') return function() return ctx.get('n') end", MODULES))
    assert app.execute("app:reader", frame=Frame(values={"n": 3}).blob()) == 3.0
