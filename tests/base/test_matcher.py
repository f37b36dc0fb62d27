"""Searches that would hold a worker are interrupted, and find what plain Lua finds."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from lua_base import shared_vm

from application import application, function, host, process

ITEMS = ("a", "b", ".", "%a", "%d", "[ab]", "[^a]", "[a-c1]", "%.", "x", "%S", "[%d%s]", "]")
QUANTIFIERS = ("", "", "*", "+", "-", "?")


@st.composite
def patterns(draw: Any) -> str:
    out, opened, closed = "^" if draw(st.booleans()) and draw(st.booleans()) else "", 0, 0
    for _ in range(draw(st.integers(0, 7))):
        choice = draw(st.integers(0, 11))
        if choice == 0:
            out += "("
            opened += 1
        elif choice == 1 and opened > closed:
            out += ")"
            closed += 1
        elif choice == 2:
            out += "()"
        elif choice == 3:
            out += "%bab"
        else:
            out += draw(st.sampled_from(ITEMS)) + draw(st.sampled_from(QUANTIFIERS))
    out += ")" * (opened - closed)
    return out + ("$" if draw(st.integers(0, 5)) == 0 else "")


@settings(max_examples=1500, deadline=None)
@given(patterns(), st.text(alphabet="aab1. x]", max_size=14), st.integers(1, 4))
def test_it_finds_what_plain_lua_finds(pattern: str, text: str, start: int) -> None:
    kernel = shared_vm().K
    args = (text.encode(), pattern.encode(), min(start, len(text) + 1))
    expected = kernel.raw[b"find"](*args)
    assert kernel.matcher[b"search"](*args) == expected
    assert kernel.matcher[b"find"](*args) == expected


def test_a_pattern_that_backtracks_for_ever_stops_nobody_else() -> None:
    bombs = (
        "('x'):rep(1000):find(('.-'):rep(30) .. 'y')",
        "('x'):rep(1000):match(('x*'):rep(30) .. 'y')",
        "('x'):rep(1000):gsub(('x+'):rep(20) .. 'y', '')",
        "for _ in ('x'):rep(2000):gmatch(('.-'):rep(9) .. 'y') do end",
        "('a'):rep(3000000):find('.-b')",
        "('a'):rep(300000):find('.-.-b')",
    )
    with application(
        host("processes", 1),
        *(
            process(f"bomb{i}", f"return function() {bomb if bomb.startswith('for') else 'local _ = ' + bomb} end")
            for i, bomb in enumerate(bombs)
        ),
        process("echo", "return function(x) return x end"),
    ) as app:
        pids = [app.spawn(f"app:bomb{i}") for i in range(len(bombs))]
        assert [app.execute("app:echo", n) for n in range(20)] == list(range(20))
        app.lua("for _, pid in ipairs(...) do process.terminate(pid) end", pids)


def test_long_texts_give_the_same_results() -> None:
    with application(
        function(
            "same",
            """
            return {main = function()
              local line = "2024-05-06 level=info user=ada "
              local text = line:rep(2000)
              local n, last = 0, nil
              for y, m, d in text:gmatch("(%d+)%-(%d+)%-(%d+)") do n, last = n + 1, y .. m .. d end
              local replaced, count = text:gsub("(%w+)=(%w+) (%w+)=(%w+)", "%2:%4")
              local words = 0
              for _ in text:gmatch("%S+") do words = words + 1 end
              return {n, last, count, #replaced, words, {text:find("user=(%a+) $")}, text:match("^(%d+)")}
            end}
            """,
        )
    ) as app:
        line = "2024-05-06 level=info user=ada "
        assert app.call("app:same") == [
            2000,
            "20240506",
            2000,
            2000 * len("2024-05-06 info:ada "),
            6000,
            [1999 * len(line) + 23, 2000 * len(line), "ada"],
            "2024",
        ]
