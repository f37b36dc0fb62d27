"""Tokens of bytes that come in blocks."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wippy.modules.tokens import LONGEST, SPLITS, TOO_LONG, Tokens

BYTES = st.lists(
    st.sampled_from([b"a", b"bc", b" ", b"\t", b"\n", b"\r\n", b"\r", "ñ".encode(), "日".encode(), "😀".encode()])
    | st.binary(min_size=1, max_size=2),
    max_size=20,
).map(b"".join)


def whole(split, data):
    if split == "bytes":
        return [bytes([byte]) for byte in data]
    if split == "runes":
        return [char.encode() for char in data.decode("utf-8", "replace")]
    if split == "words":
        return data.split()
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return [line.removesuffix(b"\r") for line in lines]


@given(data=BYTES, cuts=st.lists(st.integers(0, 40), max_size=6), split=st.sampled_from(SPLITS))
@example(data=b"a \xe6\x97", cuts=[3], split="runes")
@example(data=b"a \r\n", cuts=[3], split="lines")
def test_the_cuts_do_not_matter(data, cuts, split):
    tokens, found, at = Tokens(split), [], 0
    for cut in sorted({min(cut, len(data)) for cut in cuts} | {len(data)}):
        if cut > at:
            part, problem = tokens.feed(data[at:cut])
            assert problem is None
            assert not tokens.ended
            found += part
            at = cut
    part, problem = tokens.feed(b"")
    assert (problem, tokens.ended) == (None, True)
    assert found + part == whole(split, data)


@pytest.mark.parametrize("cut", [100, 1000, LONGEST - 1, LONGEST, 2 * LONGEST])
def test_the_limit_holds_whatever_the_blocks(cut):
    data = b"ok\n" + b"x" * (LONGEST - 1) + b"\n" + b"y" * LONGEST + b"\nend\n"
    tokens, found, problem = Tokens("lines"), [], None
    for at in range(0, len(data), cut):
        part, problem = tokens.feed(data[at : at + cut])
        found += part
        if problem:
            break
    assert ([len(token) for token in found], problem, tokens.ended) == ([2, LONGEST - 1], TOO_LONG, True)
