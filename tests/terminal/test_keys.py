"""Bytes of a terminal as events."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wippy.modules.tty.keys import Parser


def key(name, key_type=None, action="press", *, ctrl=False, alt=False, shift=False):
    return {
        "type": "key",
        "key": name,
        "key_type": key_type or name,
        "action": action,
        "ctrl": ctrl,
        "alt": alt,
        "shift": shift,
    }


def text(name):
    return key(name, "runes")


def mouse(action, button, x, y, *, ctrl=False, alt=False, shift=False):
    return {
        "type": "mouse",
        "action": action,
        "button": button,
        "x": x,
        "y": y,
        "ctrl": ctrl,
        "alt": alt,
        "shift": shift,
    }


COMPLETE = [
    (b"a", [text("a")]),
    (b"A", [text("A")]),
    ("ñ".encode(), [text("ñ")]),
    ("日".encode(), [text("日")]),
    ("😀".encode(), [text("😀")]),
    (b"\r", [key("enter")]),
    (b"\n", [key("enter")]),
    (b"\t", [key("tab")]),
    (b" ", [key("space")]),
    (b"\x7f", [key("backspace")]),
    (b"\x08", [key("backspace")]),
    (b"\x03", [key("c", "unknown", ctrl=True)]),
    (b"\x1a", [key("z", "unknown", ctrl=True)]),
    (b"\x1c", [key("\\", "unknown", ctrl=True)]),
    (b"\x00", [key("space", ctrl=True)]),
    (b"\x1bx", [key("x", "unknown", alt=True)]),
    (b"\x1b\r", [key("enter", alt=True)]),
    (b"\x1b\x03", [key("c", "unknown", ctrl=True, alt=True)]),
    ("\x1bñ".encode(), [key("ñ", "unknown", alt=True)]),
    *(
        (b"\x1b[" + letter, [key(name)])
        for letter, name in zip(
            (b"A", b"B", b"C", b"D", b"H", b"F"), ("up", "down", "right", "left", "home", "end"), strict=True
        )
    ),
    (b"\x1bOA", [key("up")]),
    (b"\x1bOH", [key("home")]),
    (b"\x1bOM", [key("enter")]),
    *(
        (b"\x1bO" + letter, [key(name)])
        for letter, name in zip((b"P", b"Q", b"R", b"S"), ("f1", "f2", "f3", "f4"), strict=True)
    ),
    *(
        (b"\x1b[%d~" % number, [key(name)])
        for number, name in (
            (1, "home"),
            (2, "insert"),
            (3, "delete"),
            (4, "end"),
            (5, "pgup"),
            (6, "pgdown"),
            (11, "f1"),
            (15, "f5"),
            (17, "f6"),
            (21, "f10"),
            (23, "f11"),
            (24, "f12"),
        )
    ),
    (b"\x1b[[A", [key("f1")]),
    (b"\x1b[[E", [key("f5")]),
    (b"\x1b[1;5A", [key("up", ctrl=True)]),
    (b"\x1b[1;2B", [key("down", shift=True)]),
    (b"\x1b[1;8C", [key("right", ctrl=True, alt=True, shift=True)]),
    (b"\x1b[3;3~", [key("delete", alt=True)]),
    (b"\x1b[1;5R", [key("f3", ctrl=True)]),
    (b"\x1b[Z", [key("tab", shift=True)]),
    (b"\x1b\x1b[A", [key("up", alt=True)]),
    (b"\x1b[97;5u", [key("a", "unknown", ctrl=True)]),
    (b"\x1b[97;2u", [key("A", "runes", shift=True)]),
    (b"\x1b[49:33;2u", [key("!", "runes", shift=True)]),
    (b"\x1b[27u", [key("esc")]),
    (b"\x1b[13;2u", [key("enter", shift=True)]),
    (b"\x1b[97;1:3u", [key("a", "runes", "release")]),
    (b"\x1b[1;1:3A", [key("up", action="release")]),
    (b"\x1b[1;1:2A", [key("up")]),
    (b"\x1b[27;5;9~", [key("tab", ctrl=True)]),
    (b"\x1b[I", [{"type": "focus", "focused": True}]),
    (b"\x1b[O", [{"type": "focus", "focused": False}]),
    (b"\x1b[<0;1;1M", [mouse("press", "left", 0, 0)]),
    (b"\x1b[<0;300;70m", [mouse("release", "left", 299, 69)]),
    (b"\x1b[<2;5;6M", [mouse("press", "right", 4, 5)]),
    (b"\x1b[<1;5;6M", [mouse("press", "middle", 4, 5)]),
    (b"\x1b[<35;5;6M", [mouse("motion", "none", 4, 5)]),
    (b"\x1b[<32;5;6M", [mouse("motion", "left", 4, 5)]),
    (b"\x1b[<64;5;6M", [mouse("wheel", "wheel_up", 4, 5)]),
    (b"\x1b[<65;5;6M", [mouse("wheel", "wheel_down", 4, 5)]),
    (b"\x1b[<28;5;6M", [mouse("press", "left", 4, 5, ctrl=True, alt=True, shift=True)]),
    (b"\x1b[M !!", [mouse("press", "left", 0, 0)]),
    (b"\x1b[M#&'", [mouse("release", "none", 5, 6)]),
    (b"\x1b[200~two\rlines \x1b[A ok\x1b[201~", [{"type": "paste", "text": "two\nlines \x1b[A ok"}]),
    (b"\x1b[200~\x1b[201~", [{"type": "paste", "text": ""}]),
]
NOTHING = [
    (b"\x1b[66;5u"[:-1] + b"u", [key("B", "unknown", ctrl=True)]),
    (b"\x1b[?62;22c", []),  # what the terminal is
    (b"\x1b[12;40R", []),  # where the cursor stands
    (b"\x1b]11;rgb:0000/0000/0000\x07", []),
    (b"\x1bP1$r0m\x1b\\", []),
    (b"\x1b[<66;5;6M", []),
    (b"\x1b[99~", []),
    (b"\x1b[1 q", []),
]
BROKEN = [
    (b"\xff", [text("\ufffd")]),
    (b"\xc3(", [text("\ufffd"), text("(")]),
    (b"\xe6\x97(", [text("\ufffd"), text("\ufffd"), text("(")]),
    (b"\x1b[12\x01", [key("a", "unknown", ctrl=True)]),
]


@pytest.mark.parametrize(("data", "events"), [*COMPLETE, *NOTHING, *BROKEN])
def test_whole(data, events):
    parser = Parser()
    assert parser.feed(data) == events
    assert not parser.waiting


@pytest.mark.parametrize(
    ("data", "events"),
    [
        (b"\x1b", [key("esc")]),
        (b"\x1b\x1b", [key("esc"), key("esc")]),
        (b"\x1b[", [key("[", "unknown", alt=True)]),
        (b"\x1bO", [key("O", "unknown", alt=True)]),
        (b"\x1b]", [key("]", "unknown", alt=True)]),
        (b"\x1b[1;", [key("[", "unknown", alt=True), text("1"), text(";")]),
        (b"\xe6\x97", [text("\ufffd"), text("\ufffd")]),
    ],
)
def test_what_was_only_begun_is_taken_as_it_is_after_a_while(data, events):
    parser = Parser()
    assert parser.feed(data) == []
    assert parser.waiting
    assert parser.flush() == events
    assert not parser.waiting


def test_a_paste_is_waited_for():
    parser = Parser()
    assert parser.feed(b"\x1b[200~begun") == []
    assert not parser.waiting
    assert parser.flush() == []
    assert parser.feed(b" and done\x1b[20") == []
    assert parser.feed(b"1~x") == [{"type": "paste", "text": "begun and done"}, text("x")]


@settings(max_examples=300, deadline=None)
@given(
    parts=st.lists(st.sampled_from([*COMPLETE, *NOTHING]), min_size=1, max_size=12),
    cuts=st.lists(st.integers(0, 400), max_size=20),
)
def test_sequences_may_be_cut_anywhere(parts, cuts):
    data = b"".join(part for part, _ in parts)
    expected = [event for _, events in parts for event in events]
    parser, found, at = Parser(), [], 0
    for cut in sorted({min(cut, len(data)) for cut in cuts} | {len(data)}):
        found += parser.feed(data[at:cut])
        at = cut
    assert found == expected
    assert not parser.waiting


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=60), cuts=st.lists(st.integers(0, 60), max_size=8))
def test_any_bytes_are_read_and_the_cuts_do_not_matter(data, cuts):
    whole = Parser()
    expected = whole.feed(data) + whole.flush()
    parser, found, at = Parser(), [], 0
    for cut in sorted({min(cut, len(data)) for cut in cuts} | {len(data)}):
        found += parser.feed(data[at:cut])
        at = cut
    assert found + parser.flush() == expected
