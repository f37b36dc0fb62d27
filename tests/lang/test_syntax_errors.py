import pytest

from wippy.errors import SourceError
from wippy.lang.compiler import compile_source

LOCALS = "".join(f"local v{i} = {i}\n" for i in range(201))

ERRORS = [
    ("x = ", "unexpected symbol near <eof>", 1, 5),
    ("x = = 1", "unexpected symbol near '='", 1, 5),
    ("local = 1", "name expected near '='", 1, 7),
    ("if x the", "'then' expected near 'the'", 1, 6),
    ("\nif x then\n\nlocal y", "'end' (to close 'if' at line 2) expected near <eof>", 4, 8),
    ("x", "unexpected symbol near <eof>", 1, 2),
    ("x y", "syntax error near 'y'", 1, 3),
    ("f() = 1", "cannot assign to this expression", 1, 1),
    ("local s = 'abc", "unfinished string near ''abc'", 1, 11),
    ('local s = "abc\n"', "unfinished string near '\"abc'", 1, 11),
    (r'local s = "abc\"', "unfinished string", 1, 11),
    ("local s = [[abc", "unfinished long string near '[[abc'", 1, 11),
    ("local s = [==[abc]]", "unfinished long string", 1, 11),
    ("--[[ abc", "unfinished long comment", 1, 1),
    ('s = "\\256"', "decimal escape too large", 1, 5),
    ("x = 3x", "malformed number near '3x'", 1, 5),
    ("x = 0x1.8", "malformed number near '0x1.8'", 1, 5),
    ("x = 0x1p4", "malformed number near '0x1p4'", 1, 5),
    ("x = 1..2", "malformed number near '1..2'", 1, 5),
    ("x = $", "unexpected symbol near '$'", 1, 5),
    ("local é = 1", "unexpected symbol near 'é'", 1, 7),
    ("return 1 x = 2", "'<eof>' expected near 'x'", 1, 10),
    ("do return 1 x = 2 end", "'end' expected near 'x'", 1, 13),
    ("function f() return ... end", "cannot use '...' outside a vararg function", 1, 21),
    ("local a = f()\n(g or h)()", "ambiguous syntax (function call x new statement)", 2, 1),
    ("f(x)\n(g)(y)", "ambiguous syntax (function call x new statement)", 2, 1),
    (LOCALS, "too many local variables", 201, 7),
    ("\ngoto x", "no visible label 'x' for <goto> at line 2", 2, 1),
    ("do ::x:: end goto x", "no visible label 'x' for <goto> at line 1", 1, 14),
    ("::x:: local f = function() goto x end", "no visible label 'x'", 1, 28),
    ("::a::\ndo ::a:: end", "label 'a' already defined on line 1", 2, 4),
    ("goto x\nlocal y = 1\n::x::\nprint(y)", "<goto x> at line 1 jumps into the scope of local 'y'", 1, 1),
    ("repeat goto x; local y ::x:: until y", "jumps into the scope of local 'y'", 1, 8),
    ("do local a goto x end local y ::x:: f(y)", "jumps into the scope of local 'y'", 1, 12),
    ("break", "no loop to break", 1, 1),
    ("while x do local f = function() break end end", "no loop to break", 1, 33),
    ("local x <const> = 1", "unexpected symbol near '<'", 1, 9),
    ("f() :: T", "unexpected symbol near '::'", 1, 5),
    ("x as T = 5", "syntax error near 'as'", 1, 3),
    ("local y = x!.name", "unexpected symbol near '.'", 1, 13),
    ("local y = x :: T.a.b(1)", "unexpected symbol near '('", 1, 21),
    ("local y = x :: A\n:: B", "a cast cannot follow a cast", 2, 1),
    ("x!", "unexpected symbol near '!'", 1, 2),
    ("for i: integer = 1, 2 do end", "'=' or 'in' expected near ':'", 1, 6),
    ("for i = 1 do end", "'for' needs a start, a limit and perhaps a step", 1, 1),
    ("function f(a?: string) end", "unexpected symbol near '?'", 1, 13),
    ("function f(a,) end", "name expected near ')'", 1, 14),
    ("local function end() end", "name expected near 'end'", 1, 16),
    ("type X = ", "type expected near <eof>", 1, 10),
    ("type X = (A, B)", "'->' expected near <eof>", 1, 16),
    ("type X = {a: }", "type expected near '}'", 1, 14),
    ("type X<T = 1", "'>' expected near '='", 1, 10),
    ("local x: Map<string = 1", "'>' expected near '='", 1, 21),
    ("interface X function f end", "'(' expected near 'end'", 1, 24),
    ("x = a != b", "unexpected symbol near '='", 1, 8),
    ("x += 1", "unexpected symbol near '+'", 1, 3),
]


@pytest.mark.parametrize(("source", "message", "line", "column"), ERRORS, ids=[row[0][:30] for row in ERRORS])
def test_error(source, message, line, column):
    with pytest.raises(SourceError) as caught:
        compile_source(source, "app.users:create")
    error = caught.value
    assert message in error.bare
    assert (error.line, error.column) == (line, column)
    assert error.kind == "Invalid"
    shown = str(error)
    assert shown.startswith("error: ")
    assert f"--> app.users:create:{line}:{column}" in shown
    text = source.split("\n")[line - 1]
    assert f"{line} | {text}" in shown
    caret = next(row for row in shown.split("\n") if row.strip(" |") == "^")
    assert caret.index("^") == len(str(line)) + 3 + column - 1


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("local x <close> = 1", "attributes"),
        ("x = a != b", "~="),
        ("local y = x!.name", "parentheses"),
        ("f()\n(g or h)()", ";"),
        ("function f(a?: string) end", "T?"),
        ("return 1; x()", "last statement"),
    ],
)
def test_hint_says_what_to_do(source, hint):
    with pytest.raises(SourceError) as caught:
        compile_source(source, "x")
    assert hint in (caught.value.hint or "")


DEEP = [
    "x = " + "(" * 5000 + "1" + ")" * 5000,
    "x = " + "{" * 5000 + "}" * 5000,
    "function f() " * 3000 + "end " * 3000,
    "if x then " * 3000 + "end " * 3000,
    "x = " + "not " * 5000 + "1",
    "x = 2" + "^2" * 5000,
    "type X = " + "{" * 5000 + "}" * 5000,
    "type X = " + "fun(): (" * 5000,
    "type X = " + "() -> (" * 5000,
    "x = " + "{" * 220 + "}" * 220,
]


@pytest.mark.parametrize("source", DEEP, ids=range(len(DEEP)))
def test_deep_nesting_is_an_error(source):
    with pytest.raises(SourceError, match=r"nested too deeply|expected|unexpected"):
        compile_source(source, "x")


def test_long_chains_have_no_limit():
    for source in [
        "x = 1" + " + 1" * 20000,
        "x = 'a'" + " .. y" * 20000,
        "x = a" + ":b()" * 5000,
        "x = a" + " and a" * 5000,
        "if a then " + "elseif b then " * 2000 + "end",
        "x = a" + "!" * 20000,
    ]:
        compile_source(source, "x")


def test_limits_that_only_lua_knows_name_the_line():
    outer = "".join(f"local a{i}\n" for i in range(150))
    inner = "".join(f"local b{i}\n" for i in range(150))
    use = ", ".join([f"a{i}" for i in range(150)] + [f"b{i}" for i in range(150)])
    source = f"{outer}return function()\n{inner}return function()\nreturn function() return {{{use}}} end end end"
    with pytest.raises(SourceError, match="too many upvalues") as caught:
        compile_source(source, "app:x")
    assert caught.value.line == 303
