"""string.pack, unpack, packsize."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lua_base import error, run


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ('return string.pack("i", 5)', b"\5\0\0\0"),
        ('return string.pack(">i2 =i2", 1, 1)', b"\0\1\1\0"),
        ('return string.pack("b B h H", -1, 255, -1, 65535)', b"\xff" * 6),
        ('return string.pack("i", 5.9)', b"\5\0\0\0"),
        ('return string.pack("z s1 s", "a", "bc", "d")', b"a\0\2bc\1\0\0\0\0\0\0\0d"),
        ('return string.pack("c4", "ab")', b"ab\0\0"),
        ('return string.pack("!4 b i", 1, 2)', b"\1\0\0\0\2\0\0\0"),
        ('return string.pack("bxXi4", 1)', b"\1\0"),
        ('return string.pack("!bXi4", 1)', b"\1\0\0\0"),
        ('return string.unpack("<i2 z", "\\1\\0abc\\0x")', (1, b"abc", 7)),
        ('return string.unpack("b", "\\1\\2\\3", 2)', (2, 3)),
        ('return string.unpack("b", "\\1\\2\\3", -1)', (3, 4)),
        ('return string.packsize("i I l j T d f n c5 !8 b"), string.packsize("")', (58, 0)),
    ],
)
def test_values(source: str, result: object) -> None:
    assert run(source) == result


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ('unpack("i", "abc")', "bad argument #2 to unpack (data string too short)"),
        ('unpack("z", "abc")', "bad argument #2 to unpack (unfinished string for format 'z')"),
        ('unpack("i", "abc", 9)', "bad argument #3 to unpack (initial position out of string)"),
        ('packsize("s")', "bad argument #1 to packsize (variable-length format)"),
        ('packsize("z")', "bad argument #1 to packsize (variable-length format)"),
        ('pack("y", 1)', "bad argument #1 to pack (invalid format option 'y')"),
        ('pack("c", "x")', "bad argument #1 to pack (invalid format option 'c': its size is missing)"),
        ('pack("i17", 1)', "bad argument #1 to pack (integral size (17) out of limits [1,16])"),
        ('pack("b", 300)', "bad argument #2 to pack (integer overflow)"),
        ('pack("b b", 1, "x")', "bad argument #3 to pack (number expected, got string)"),
        ('pack("b b", 1)', "bad argument #3 to pack (no value)"),
        ('pack("c1", "ab")', "bad argument #2 to pack (string longer than given size)"),
        ('pack("X")', "bad argument #1 to pack (invalid next option for option 'X')"),
    ],
)
def test_errors(call: str, message: str) -> None:
    assert error("string." + call) == "test:code:1: " + message


@given(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.binary(max_size=20))
def test_as_struct(i: int, f: float, s: bytes) -> None:
    packed = run('return string.pack("<j d s2", ...)', i, f, s)
    assert packed == struct.pack("<qd", i, f) + struct.pack("<H", len(s)) + s
    assert run('return string.unpack("<j d s2", ...)', packed) == (i, f, s, len(packed) + 1)
