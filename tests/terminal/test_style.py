"""Styled text: widths, borders, colours, layout."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application import application, function
from wippy.modules.tty import ansi, layout


@pytest.fixture(scope="module")
def app():
    with application() as app:
        yield app


def lua(app, body):
    """tty needs no terminal for this: a function will do."""
    app._count += 1
    name = f"style{app._count}"
    source = f"local tty = require('tty')\nreturn function()\nlocal s = tty.style()\n{body}\nend"
    app.define(function(name, source, ["tty"]))
    return app.call(f"app:{name}")


@pytest.mark.parametrize(
    ("style", "rendered"),
    [
        ("s:render('a', 1, true)", "a 1 true"),
        ("s:render()", ""),
        ("s:bold():render('x')", "\x1b[1mx\x1b[0m"),
        ("s:bold():bold(false):render('x')", "x"),
        (
            "s:bold():faint():italic():underline():blink():reverse():strikethrough():render('x')",
            "\x1b[1;2;3;4;5;7;9mx\x1b[0m",
        ),
        ("s:foreground('#ff8000'):render('x')", "\x1b[38;2;255;128;0mx\x1b[0m"),
        ("s:background('#0af'):render('x')", "\x1b[48;2;0;170;255mx\x1b[0m"),
        ("s:foreground('1'):background(12):render('x')", "\x1b[31;104mx\x1b[0m"),
        ("s:foreground('205'):render('x')", "\x1b[38;5;205mx\x1b[0m"),
        ("s:foreground('nonsense'):background('300'):render('x')", "x"),
        ("s:bold():render('a\\nb')", "\x1b[1ma\x1b[0m\n\x1b[1mb\x1b[0m"),
        ("s:bold():render('a\\n')", "\x1b[1ma\x1b[0m\n "),
        ("s:inline():render('a\\nb')", "ab"),
        ("s:inline():padding(1):margin(1):border('normal'):render('a')", "a"),
        ("s:width(4):render('ab')", "ab  "),
        ("s:width(4):align(tty.align.RIGHT):render('ab')", "  ab"),
        ("s:width(5):align(tty.align.CENTER):render('ab')", " ab  "),
        ("s:width(5):render('one two three')", "one  \ntwo  \nthree"),
        ("s:width(3):render('abcdefg')", "abc\ndef\ng  "),
        ("s:height(3):render('a')", "a\n \n "),
        ("s:height(3):align_vertical(1):render('a')", " \n \na"),
        ("s:height(3):align_vertical(0.5):render('a')", " \na\n "),
        ("s:padding(1):render('a')", "   \n a \n   "),
        ("s:padding(0, 2):render('a')", "  a  "),
        ("s:padding(1, 2, 0):render('a')", "     \n  a  "),
        ("s:padding(0, 1, 0, 2):render('a')", "  a "),
        ("s:width(6):padding(0, 1):render('ab cd')", " ab   \n cd   "),
        ("s:margin(1, 2):render('a')", "     \n  a  \n     "),
        ("s:background('1'):padding(0, 1):render('a')", "\x1b[41m \x1b[0m\x1b[41ma\x1b[0m\x1b[41m \x1b[0m"),
        ("s:max_width(3):render('abcdef')", "abc"),
        ("s:max_width(3):bold():render('abcdef')", "\x1b[1mabc\x1b[0m"),
        ("s:max_height(2):render('a\\nb\\nc')", "a\nb"),
        ("s:border('normal'):render('ab')", "┌──┐\n│ab│\n└──┘"),
        ("s:border(tty.borders.ROUNDED):render('a')", "╭─╮\n│a│\n╰─╯"),
        ("s:border(tty.borders.THICK):render('a')", "┏━┓\n┃a┃\n┗━┛"),
        ("s:border(tty.borders.DOUBLE):render('a')", "╔═╗\n║a║\n╚═╝"),
        ("s:border(tty.borders.HIDDEN):render('a')", "   \n a \n   "),
        ("s:border('unheard of'):render('a')", "┌─┐\n│a│\n└─┘"),
        ("s:border('normal', true, false):render('a')", "─\na\n─"),
        ("s:border('normal', false, true, false, true):render('a')", "│a│"),
        ("s:border('normal', true, false, false):render('a')", "─\na"),
        ("s:border('normal', false, false, false, true):render('a\\nbc')", "│a \n│bc"),
        (
            "s:border('normal'):border_foreground('1'):border_background('2'):render('a')",
            "\x1b[31;42m┌─┐\x1b[0m\n\x1b[31;42m│\x1b[0ma\x1b[31;42m│\x1b[0m\n\x1b[31;42m└─┘\x1b[0m",
        ),
        (
            "s:border('normal'):border_foreground('1', '2', '3', '4'):render('a')",
            "\x1b[31m┌─┐\x1b[0m\n\x1b[34m│\x1b[0ma\x1b[32m│\x1b[0m\n\x1b[33m└─┘\x1b[0m",
        ),
        ("s:border('normal'):width(4):padding(0, 1):render('日本')", "┌────┐\n│ 日 │\n│ 本 │\n└────┘"),
        ("s:bold():render('a' .. tty.style():italic():render('b') .. 'c')", "\x1b[1ma\x1b[3mb\x1b[0m\x1b[1mc\x1b[0m"),
        ("s:render('a\\tb\\r\\nc')", "a    b\nc     "),
    ],
)
def test_render(app, style, rendered):
    assert lua(app, f"return {style}") == rendered


def test_a_style_never_changes(app):
    assert lua(
        app,
        """
        local bold = s:bold()
        local wide = bold:width(5)
        local twin = wide:copy()
        local set, why = pcall(function() s.x = 1 end)
        return {s:render("x"), bold:render("x"), twin:italic():render("x") == wide:render("x"),
          twin:render("x") == wide:render("x"), set, tostring(s), type(s)}
    """,
    ) == ["x", "\x1b[1mx\x1b[0m", False, True, False, "tty.Style{}", "userdata"]


def test_wrong_arguments_raise(app):
    found = lua(
        app,
        """
        local out = {}
        local function try(name, ...)
          local ok, why = pcall(s[name], s, ...)
          out[#out + 1] = ok or (why:gsub("^app:[^ ]+ ", ""))
        end
        try("padding") try("padding", 1, 2, 3, 4, 5) try("padding", "x") try("width") try("align", "left")
        try("border") try("foreground") try("foreground", {}) try("border_foreground")
        try("border", "normal", true, true, true, true, true)
        out[#out + 1] = pcall(s.render, {})
        return out
    """,
    )
    assert found == [
        "bad argument #2 to padding (one to four values expected, got 0)",
        "bad argument #2 to padding (one to four values expected, got 5)",
        "bad argument #2 to padding (number expected, got string)",
        "bad argument #2 to width (number expected, got nil)",
        "bad argument #2 to align (number expected, got string)",
        "bad argument #2 to border (string expected, got nil)",
        "bad argument #2 to foreground (string expected, got nil)",
        "bad argument #2 to foreground (string expected, got table)",
        "bad argument #2 to border_foreground (one to four values expected, got 0)",
        "bad argument #2 to border (one to four values expected, got 5)",
        False,
    ]


def test_constants(app):
    assert lua(
        app,
        """
        local p = tty.text.position
        return {tty.borders.NORMAL, tty.borders.HIDDEN, tty.align.LEFT, tty.align.CENTER, tty.align.RIGHT,
          p.TOP, p.LEFT, p.CENTER, p.BOTTOM, p.RIGHT, (pcall(function() tty.align.LEFT = 3 end)),
          (pcall(function() tty.text.x = 3 end)), (pcall(function() p.TOP = 3 end))}
    """,
    ) == ["normal", "hidden", 0, 0.5, 1, 0, 0, 0.5, 1, 1, False, False, False]


@pytest.mark.parametrize(
    ("call", "result"),
    [
        ("t.width('abc')", 3),
        ("t.width('日本\\na')", 4),
        ("t.width('\\27[1;31mab\\27[0m')", 2),
        ("t.width('👩‍🚀')", 2),
        ("t.width('e\u0301')", 1),
        ("t.width('')", 0),
        ("t.height('a\\nb\\n')", 3),
        ("t.height('')", 1),
        ("{t.size('ab\\nc')}", [2, 2]),
        ("t.max_width({'a', '日本', 'abc'})", 4),
        ("t.max_height({'a', 'b\\nc'})", 2),
        ("t.max_width({})", 0),
        ("t.join_horizontal(t.position.TOP, 'a\\nb', 'X')", "aX\nb "),
        ("t.join_horizontal(t.position.BOTTOM, 'a\\nbb', 'X')", "a  \nbbX"),
        ("t.join_horizontal(t.position.CENTER, 'a\\nb\\nc', 'X')", "a \nbX\nc "),
        ("t.join_horizontal(0)", ""),
        ("t.join_vertical(t.position.LEFT, 'a', 'bcd')", "a  \nbcd"),
        ("t.join_vertical(t.position.RIGHT, 'a', 'bcd')", "  a\nbcd"),
        ("t.join_vertical(t.position.CENTER, 'a', 'bcd')", " a \nbcd"),
        ("t.place_horizontal(5, t.position.CENTER, 'a')", "  a  "),
        ("t.place_horizontal(5, t.position.RIGHT, 'a\\nbc')", "   a \n   bc"),
        ("t.place_horizontal(1, t.position.CENTER, 'abc')", "abc"),
        ("t.place_vertical(3, t.position.BOTTOM, 'ab')", "  \n  \nab"),
        ("t.place_vertical(1, t.position.BOTTOM, 'a\\nb')", "a\nb"),
        ("t.place(3, 3, t.position.CENTER, t.position.CENTER, 'x')", "   \n x \n   "),
    ],
)
def test_text(app, call, result):
    assert lua(app, f"local t = tty.text return {call}") == result


STYLED = st.lists(
    st.sampled_from(
        ["a", "bc", " ", "日", "é", "e\u0301", "👩\u200d🚀", "🇩🇪", "\x1b[31m", "\x1b[1;48;2;1;2;3m", "\x1b[0m"]
    ),
    max_size=30,
).map("".join)


@given(text=STYLED, columns=st.integers(0, 12))
def test_what_is_cut_fits_and_keeps_its_sequences(text, columns):
    cut = ansi.truncate(text, columns)
    assert ansi.line_width(cut) <= columns
    assert ansi.strip(text).startswith(ansi.strip(cut))
    assert cut.count("\x1b") == text.count("\x1b")


@given(text=STYLED, columns=st.integers(2, 12))
def test_what_is_wrapped_fits_and_loses_only_blanks(text, columns):
    wrapped = ansi.wrap(text, columns)
    assert ansi.width(wrapped) <= columns
    assert ansi.strip(wrapped).replace("\n", "").replace(" ", "") == ansi.strip(text).replace(" ", "")


@given(texts=st.lists(STYLED, min_size=1, max_size=4), position=st.floats(-1, 2))
def test_joined_blocks_are_rectangles(texts, position):
    beside = layout.join_horizontal(position, texts)
    assert {ansi.line_width(line) for line in beside.split("\n")} == {sum(ansi.width(text) for text in texts)}
    above = layout.join_vertical(position, texts)
    assert {ansi.line_width(line) for line in above.split("\n")} == {max(ansi.width(text) for text in texts)}
