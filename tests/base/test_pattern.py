"""find, match, gmatch, gsub."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lua_base import error, run, text

TEXTS = st.text("ab,1 ", max_size=12)


def all_matches(s: str, pattern: str) -> str:
    return text(
        f"local out = {{}} for a, b in ({s!r}):gmatch({pattern!r}) do "
        "out[#out + 1] = '<' .. tostring(a) .. (b and '=' .. b or '') .. '>' end return table.concat(out)"
    )


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ('return ("hello"):find("l")', "3 3"),
        ('return ("hello"):find("l", 4)', "4 4"),
        ('return ("hello"):find("(l)(l)")', "3 4 l l"),
        ('return ("hello"):find("")', "1 0"),
        ('return ("hello"):find("xyz")', "nil"),
        ('return ("a.b"):find(".", 2, true), ("a+b"):find("+", 1, true)', "2 2 2"),
        ('return ("a(b"):find("(", nil, true)', "2 2"),
        ('return ("key = value"):match("^(%w+)%s*=%s*(%w+)$")', "key value"),
        ('return ("hello"):match(".-(l+)")', "ll"),
        ('return ("hello"):match("()ll()")', "3 5"),
        ('return ("hello"):match("l+", -2)', "l"),
        ('return ("f(a(b)c)d"):match("%b()")', "(a(b)c)"),
        ("return ([['a' \"b']]):match([[(['\"])(.-)%1]])", "' a"),
        ('return ("a\\0b"):find("%z"), ("ab\\0"):find("[%z]")', "2 3 3"),
        ('return ("x]y"):match("[]]"), ("x]y"):match("[^]]")', "] x"),
        ('return ("a-b"):match("[a%-]+"), ("5.5"):match("%d+%.%d")', "a- 5.5"),
        ('return ("fig"):match("%f"), ("fig"):match("%g"), ("-h"):find("[%g-]"), ("h"):find("[%g-z]")', "f g 1 nil"),
        ('return ("THE (quick) fox"):find("%((%a+)%)")', "5 11 quick"),
        ("return string.find(12.0, 2)", "2 2"),
    ],
)
def test_find_and_match(source: str, result: str) -> None:
    assert text(source) == result


@pytest.mark.parametrize(
    ("s", "pattern", "result"),
    [
        ("one two", "%a+", "<one><two>"),
        ("a=1, b=2", "(%w+)=(%w+)", "<a=1><b=2>"),
        ("ab,c", "[^,]*", "<ab><><c><>"),
        ("abc", "", "<><><><>"),
        ("aab", "^a", "<a>"),
        ("baa", "^a", ""),
        ("abc", "()", "<1><2><3><4>"),
        ("", "a*", "<>"),
    ],
)
def test_gmatch(s: str, pattern: str, result: str) -> None:
    assert all_matches(s, pattern) == result


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ('return ("hello"):gsub("l", "L")', "heLLo 2"),
        ('return ("hello"):gsub("l", "L", 1)', "heLlo 1"),
        ('return ("hello"):gsub("l", "L", 0)', "hello 0"),
        ('return ("hello world"):gsub("(%w+) (%w+)", "%2 %1")', "world hello 1"),
        ('return ("abc"):gsub("%w", "%0%0")', "aabbcc 3"),
        ('return ("abc"):gsub("b", "%1")', "abc 1"),
        ('return ("abc"):gsub("b", "%%")', "a%c 1"),
        ('return ("abc"):gsub("b", "%x")', "a%xc 1"),
        ('return ("abc"):gsub("b", "%")', "a%c 1"),
        ('return ("abc"):gsub("%w*", "x")', "xx 2"),
        ('return ("abc"):gsub("", "-")', "-a-b-c- 4"),
        ('return ("abc"):gsub("b*", "<%0>")', "<>a<b><>c<> 4"),
        ('return ("abc"):gsub("(b?)", "[%1%%%y]", 2)', "[%%y]a[b%%y]c 2"),
        ('return ("aaa"):gsub("^a", "b")', "baa 1"),
        ('return ("aaa"):gsub("^a*", "b")', "b 1"),
        ('return ("$name is $age"):gsub("%$(%w+)", {name = "Bo", age = 4.0})', "Bo is 4 2"),
        ('return ("$name $x"):gsub("%$(%w+)", {name = false})', "$name $x 2"),
        ('return ("ab"):gsub("%w", table.freeze({a = "1"}))', "1b 2"),
        ('return ("ab"):gsub("()", {"x", "y"})', "xayb 3"),
        ('return ("abc"):gsub("%w", function(c) if c == "b" then return nil end return c .. c end)', "aabcc 3"),
        ('return ("abc"):gsub("%w", function() return false end)', "abc 3"),
        ('return ("abc"):gsub("(a)(b)", function(a, b) return b .. a end)', "bac 1"),
        ('return ("a b"):gsub("%w", function() return 1.5 end)', "1.5 1.5 2"),
        ("return ('x'):gsub('x', errors.new('e'))", "e 1"),
    ],
)
def test_gsub(source: str, result: str) -> None:
    assert text(source) == result


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(", "unfinished capture"),
        ("a)", "invalid ')'"),
        ("%1", "invalid capture index"),
        ("(%1)", "invalid capture index"),
        ("[a", "unexpected EOS"),
        ("[]", "unexpected EOS"),
        ("a%", "unexpected EOS"),
        ("%b(", "unexpected EOS"),
        ("()" * 33, "too many captures"),
    ],
)
@pytest.mark.parametrize("call", ["find('x', {})", "match('x', {})", "gmatch('x', {})", "gsub('x', {}, '')"])
def test_malformed_patterns(call: str, pattern: str, message: str) -> None:
    assert error("string." + call.format(repr(pattern))).startswith("test:code:1: " + message)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("string.gsub('x', '(x)', '%2')", "invalid capture index %2 in replacement string"),
        ("string.gsub('x', 'x', function() return {} end)", "invalid replacement value (a table)"),
        ("string.gsub('x', 'x', {x = true})", "invalid replacement value (a boolean)"),
    ],
)
def test_bad_replacements(source: str, message: str) -> None:
    assert error(source) == "test:code:1: " + message


def test_a_replacement_without_match_is_not_checked() -> None:
    assert text("return ('y'):gsub('x', '%5')") == "y 0"


def test_a_replacement_function_may_wait() -> None:
    assert (
        run(
            "local co = coroutine.create(function() return (('ab'):gsub('%w', function(c) "
            "return coroutine.yield(c) end)) end) "
            "local _, a = coroutine.resume(co) local _, b = coroutine.resume(co, '1') "
            "local _, all = coroutine.resume(co, '2') return a .. b .. all"
        )
        == b"ab12"
    )


@given(TEXTS, st.text("ab,.%+-(", max_size=3), st.integers(1, 14))
def test_plain_find(s: str, needle: str, init: int) -> None:
    found = s.find(needle, init - 1) if init <= len(s) + 1 else -1
    expected = None if found < 0 else (found + 1, found + len(needle))
    assert run("local s, n, i = ... return s:find(n, i, true)", s.encode(), needle.encode(), init) == expected


@given(TEXTS, st.sampled_from([("%a+", "[ab]+"), ("%d", "1"), ("[^,]+", "[^,]+"), ("a?b", "a?b"), (",%s", ", ")]))
def test_gsub_against_re(s: str, patterns: tuple[str, str]) -> None:
    lua, python = patterns
    changed, count = re.subn(python, "<\\g<0>>", s)
    expected = changed.encode(), count
    assert run("local s, p = ... return s:gsub(p, '<%0>')", s.encode(), lua.encode()) == expected
    by_function = "local s, p = ... return s:gsub(p, function(m) return '<' .. m .. '>' end)"
    assert run(by_function, s.encode(), lua.encode()) == expected


@given(TEXTS)
def test_text_and_function_replacements_agree_on_empty_matches(s: str) -> None:
    by_text = run("local s = ... return s:gsub('a*', '<%0>')", s.encode())
    by_function = run("local s = ... return s:gsub('a*', function(m) return '<' .. m .. '>' end)", s.encode())
    assert by_text == by_function
