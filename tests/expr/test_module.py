import pytest

from application import application, process
from wippy.modules.expr.cache import ProgramCache


@pytest.fixture(scope="module")
def app():
    with application(process("nothing", "return function() end")) as running:
        yield running


def lua(app, body, *args):
    return app.lua(f'local expr = require("expr")\n{body}', *args, modules=["expr"])


def test_numbers_keep_their_subtypes(app):
    body = """local t = {}
    for i, text in ipairs({"4 / 2", "4 * 2", "x", "y", "x + y"}) do
      t[i] = math.type(expr.eval(text, {x = 2, y = 2.0}))
    end
    return t"""
    assert lua(app, body) == ["float", "integer", "integer", "float", "float"]


def test_tables_cross_as_lists_and_maps(app):
    body = """local v = assert(expr.eval("{n: len(xs), first: xs[0], rest: xs[1:], m: m.k, empty: len(e)}",
      {xs = {5, 6, 7}, m = {k = "v"}, e = {}}))
    return {v.n, v.first, v.rest[1], v.m, v.empty}"""
    assert lua(app, body) == [3, 5, 6, "v", 0]


def test_missing_variables_are_nil(app):
    body = """local v, e = expr.eval("missing")
    local w = expr.eval("missing ?? 'd'")
    local x, ex = expr.eval("missing + 1")
    return {v == nil, e == nil, w, x == nil, ex:kind(), ex:retryable(), ex:message()}"""
    found = lua(app, body)
    assert found[:6] == [True, True, "d", True, "Internal", False]
    assert "nil + int" in found[6]


def test_empty_and_wrong_text(app):
    body = """local _, e = expr.eval("")
    local _, c = expr.compile("")
    local ok, raised = pcall(expr.eval, {})
    local _, bad = expr.eval("1 +")
    return {e:kind(), e:message(), c:message(), ok, raised, bad:kind(), bad:retryable()}"""
    found = lua(app, body)
    assert found[:4] == ["Invalid", "expression cannot be empty", "expression cannot be empty", False]
    assert "bad argument #1 to eval (string expected, got table)" in found[4]
    assert found[5:] == ["Internal", False]


def test_programs(app):
    body = """local p = assert(expr.compile("a * 2"))
    local q, e = expr.compile("a * b", {a = 1})
    return {p:run({a = 4}), p:run({a = 1.5}), type(p), q == nil, e:message()}"""
    found = lua(app, body)
    assert found[:4] == [8, 3.0, "userdata", True]
    assert "unknown name b" in found[4]


def test_bytes_that_are_no_text_survive(app):
    assert lua(app, r"""return expr.eval("s + 'x'", {s = "\255\0"}) == "\255\0x" """) is True


def test_a_table_in_itself(app):
    assert "contains itself" in lua(app, "local t = {} t.t = t; return select(2, expr.eval('t', {t = t})):message()")


def test_the_last_used_programs_are_kept():
    cache = ProgramCache(2)
    one = cache.program("1")
    cache.program("2")
    assert cache.program("1") is one
    cache.program("3")
    assert len(cache) == 2
    assert cache.program("1") is one
