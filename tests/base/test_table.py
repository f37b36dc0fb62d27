"""The table library."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lua_base import error, run, text

SHOW = "local function show(t) local o = {} for i = 1, table.maxn(t) do o[i] = tostring(t[i]) end \
return table.concat(o, ',') end "
SORT = """
local text, less, n = ...
local t = {}
for word in text:gmatch("[^,]+") do t[#t + 1] = tonumber(word) or word end
table.sort(t, less)
return table.concat(t, ",")
"""


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("local t = {1, 2} table.insert(t, 3) return show(t)", "1,2,3"),
        ("local t = {1, 2} table.insert(t, nil) return show(t)", "1,2"),
        ("local t = {1, 2} table.insert(t, 1, 0) return show(t)", "0,1,2"),
        ("local t = {1, 2} table.insert(t, 2.0, 9) return show(t)", "1,9,2"),
        ("local t = {1, 2} table.insert(t, 5, 9) return show(t)", "1,2,nil,nil,9"),
        ("local t = {1, 2} table.insert(t, 1, nil) return show(t)", "nil,1,2"),
        (
            "local t = setmetatable({1}, {__newindex = error}) table.insert(t, 2) table.insert(t, 1, 0) return show(t)",
            "0,1,2",
        ),
        ("local t = {1, 2, 3} return table.remove(t), table.remove(t, 1), show(t)", "3 1 2"),
        ("return table.remove({}), table.remove({}, 5), table.remove({1}, 3)", "nil nil nil"),
        ("local t = {[0] = 'zero'} return table.remove(t), t[0]", "nil zero"),
        ("local t = {1, 2} return table.remove(t, 0), table.remove(t, -4), #t", "2 1 0"),
        ("local t = setmetatable({1, 2}, {}) return table.remove(t, 1), show(t)", "1 2"),
        (
            "return table.concat({}), table.concat({1, 2.5, 'x', 3.0}, '-'), table.concat({1, 2, 3}, ',', 2, 3)",
            " 1-2.5-x-3 2,3",
        ),
        (
            "return table.concat({errors.new('bad'), '!'}), table.concat({1, 2}, 0), table.concat({'a', 'b'}, nil)",
            "bad! 102 ab",
        ),
        ("return table.concat(setmetatable({}, {__index = string.upper, __len = function() return 3 end}))", ""),
        ("return table.concat(table.freeze({'a', 'b'}))", "ab"),
        ("return table.getn({1, 2, 3}), table.maxn({1, [10] = 1, [2.5] = 1, x = 1}), table.maxn({})", "3 10 0"),
        ("return table.unpack({1, 2, 3}), table.unpack({1, 2, 3}, 2)", "1 2 3"),
        ("return table.unpack({1, nil, 3}, 1, 3)", "1 nil 3"),
        ("return table.unpack(table.freeze({1, 2}))", "1 2"),
        ("return table.unpack({}, 1, 0)", ""),
        (
            "local t = table.freeze({1, 2, a = 3}) return table.isfrozen(t), table.isfrozen({}), #t, t.a, t[2]",
            "true false 2 3 2",
        ),
        ("local t = {} return table.freeze(t) == t, table.freeze(t) == t", "true true"),
        ("local t = table.create(10, 2) return #t, next(t)", "0 nil"),
        ("return table.isfrozen(table), table.isfrozen(string), table.isfrozen(math)", "true true true"),
    ],
)
def test_values(source: str, result: str) -> None:
    assert text(SHOW + source) == result


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("insert(nil, 1)", "bad argument #1 to insert (table expected, got nil)"),
        ("insert({})", "wrong number of arguments to insert: 2 or 3 expected, got 1"),
        ("insert({}, 'x', 1)", "bad argument #2 to insert (number expected, got string)"),
        ("insert(errors.new('x'), 1)", "bad argument #1 to insert (table expected, got userdata)"),
        ("concat(errors.new('x'))", "bad argument #1 to concat (table expected, got userdata)"),
        ("unpack(errors.new('x'))", "bad argument #1 to unpack (table expected, got userdata)"),
        ("sort(errors.new('x'))", "bad argument #1 to sort (table expected, got userdata)"),
        ("remove('x')", "bad argument #1 to remove (table expected, got string)"),
        ("freeze(errors.new('x'))", "bad argument #1 to freeze (table expected, got userdata)"),
        ("isfrozen(1)", "bad argument #1 to isfrozen (table expected, got number)"),
        ("concat({1, {}, 3})", "invalid value (table) at index 2 in table for concat"),
        ("concat({1}, '', 1, 2)", "invalid value (nil) at index 2 in table for concat"),
        ("concat({true})", "invalid value (boolean) at index 1 in table for concat"),
        ("insert(table.freeze({}), 1)", "attempt to insert into Immutable table"),
        ("remove(table.freeze({1}))", "attempt to remove from Immutable table"),
        ("sort(table.freeze({1}))", "attempt to sort Immutable table"),
        ("sort({1, 2}, 'x')", "bad argument #2 to sort (function expected, got string)"),
        ("sort({1, 'x'})", "attempt to compare string with number"),
        ("sort({{}, {}})", "attempt to compare table with table"),
        ("unpack({}, 1, 1e9)", "too many results to unpack: at most 200000 values at once"),
        ("create(-1)", "bad argument #1 to create (capacity must not be negative)"),
    ],
)
def test_errors(call: str, message: str) -> None:
    assert error("table." + call) == "test:code:1: " + message


@given(st.lists(st.integers(-50, 50), max_size=60))
def test_sort_numbers(numbers: list[int]) -> None:
    given_text = ",".join(map(str, numbers)).encode()
    assert run(SORT, given_text) == ",".join(map(str, sorted(numbers))).encode()
    backwards = run("return function(a, b) return a > b end")
    assert run(SORT, given_text, backwards) == ",".join(map(str, sorted(numbers, reverse=True))).encode()


@given(st.lists(st.text("abz", min_size=1, max_size=3), max_size=40))
def test_sort_texts(words: list[str]) -> None:
    assert run(SORT, ",".join(words).encode()) == ",".join(sorted(words)).encode()


def test_sort_many() -> None:
    assert (
        run(
            "local t = {} for i = 1, 5000 do t[i] = i * 7919 % 5003 end table.sort(t) "
            "for i = 2, #t do if t[i - 1] > t[i] then return i end end return #t"
        )
        == 5000
    )


def test_sort_by_metamethod() -> None:
    assert (
        text(
            "local m = {} m.__lt = function(a, b) return a.n < b.n end local t = {} "
            "for i, n in ipairs({3, 1, 2}) do t[i] = setmetatable({n = n}, m) end table.sort(t) "
            "return t[1].n, t[2].n, t[3].n"
        )
        == "1 2 3"
    )


def test_an_inconsistent_comparator_keeps_all_elements() -> None:
    assert (
        run(
            "local t, sum = {}, 0 for i = 1, 100 do t[i] = i end table.sort(t, function() return true end) "
            "for _, v in ipairs(t) do sum = sum + v end return sum"
        )
        == 5050
    )


def test_a_failing_comparator_leaves_the_table_as_it_was() -> None:
    assert (
        text(
            "local t = {3, 2, 1} local ok = pcall(table.sort, t, function() error('no') end) "
            "return ok, t[1], t[2], t[3]"
        )
        == "false 3 2 1"
    )


def test_a_comparator_may_wait() -> None:
    assert (
        text(
            "local t = {3, 1, 2} local co = coroutine.create(function() table.sort(t, function(a, b) "
            "coroutine.yield() return a < b end) end) "
            "while coroutine.status(co) ~= 'dead' do coroutine.resume(co) end "
            "return table.concat(t, ' ')"
        )
        == "1 2 3"
    )
