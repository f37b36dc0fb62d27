"""Long, deep and broken sources."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wippy.lang.check.checker import check_source

SAMPLES = [path.read_text() for path in sorted(Path(__file__).parent.glob("*/*.lua"))]
TOKENS = sorted({token for sample in SAMPLES for token in re.findall(r"\w+|[^\w\s]+", sample)})
MANY = 5000


def codes(source: str) -> list[str]:
    return [each.code for each in check_source(source, "sample")[0]]


@pytest.mark.parametrize(
    "source",
    [
        "return " + " + ".join(["1"] * MANY),
        "local a = 1 return " + " or ".join(["a and a"] * MANY),
        "local a = 1 if " + " or ".join(["a == 1"] * MANY) + " then print(a) end",
        "local a = {} return a" + ".b" * MANY,
        "local a = {} return a" + ":b()" * MANY,
        "local a = {} if a[" + " + ".join(["1"] * MANY) + "] then return a end",
        "return " + " .. ".join(["'x'"] * MANY),
        "local a = 1 if a == 0 then print(0) "
        + " ".join(f"elseif a == {i} then print({i})" for i in range(MANY))
        + " end",
    ],
    ids=["sum", "logic", "equality", "fields", "methods", "index", "concat", "elseif"],
)
def test_long_chains(source: str) -> None:
    assert codes(source) == []


@pytest.mark.parametrize(
    ("head", "opener", "inner", "closer"),
    [
        ("local function id<T>(x: T): T return x end return ", "id({", "1", "})"),
        ("type J = nil | number | {J} | {[string]: J}\nlocal j: J = ", "{a = ", "1", "}"),
        ("return ", "function() return nil, ", "1", " end"),
        ("local a: number? = nil return ", "(a and ", "1", " or 2)"),
        ("local a: number? = f() return ", "(", "a", " and 1 or a)"),
        ("local a = {} return ", "a[", "1", "]"),
        ("local a: {integer} = {} return ", "a[", "1", "] + a[1]"),
    ],
    ids=["generic", "union", "functions", "logic", "conditions", "indexes", "sums"],
)
@pytest.mark.timeout(20)
def test_deep_nesting_takes_no_time(head: str, opener: str, inner: str, closer: str) -> None:
    assert "P0001" not in codes(head + opener * 40 + inner + closer * 40)


def test_a_mistake_at_the_end_of_a_long_chain_is_found() -> None:
    assert codes("return " + " + ".join(["1"] * MANY) + " + 'x'") == ["E0019"]


@pytest.mark.parametrize(
    "source",
    [
        "type A = A | nil\nlocal a: A = nil",
        "type B = {C}\ntype C = {B} | B\nlocal b: B = {} local c: C = b",
        "type Box<T> = {v: Box<{T}>?}\nlocal a: Box<string> = {} local b: Box<number> = a",
        "type F = (F) -> F\nlocal f: F = function(g) return g end f(f)(f)",
    ],
)
def test_recursive_types(source: str) -> None:
    assert [code for code in codes(source) if code not in ("E0000", "E0013")] == []


@pytest.mark.parametrize(
    "source",
    [
        "local a: Tree<string> = f()\nlocal b: Tree<number> = a",
        "local a: Tree<string> = f()\nlocal b: Tree<string> = a",
        "local a: Grows<string> = f()\nlocal b: Grows<number> = a",
        "local function id<T>(x: Tree<T>, y: Grows<T>): Tree<T> return x end\nid(f(), f())",
        "local function id<T>(x: Open<T>): T return x.v end\nlocal s: Tree<string> = f()\nid(s)",
    ],
)
@pytest.mark.timeout(10)
def test_generic_types_that_refer_to_themselves_many_times(source: str) -> None:
    types = """
type Tree<T> = {v: T, a: Tree<T>?, b: Tree<T>?, c: Tree<T>?, d: Tree<T>?}
type Grows<T> = {v: T, a: Grows<{T}>?, b: Grows<{T}>?, c: Grows<{[string]: T}>?}
type Open<T> = {v: T, a: {v: T, a: Open<T>?, b: Open<T>?}?, b: Open<T>?, c: Open<T>?}
"""
    assert [code for code in codes(f"{types}local f: () -> any = nil :: any\n{source}") if code != "E0000"] == []


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(SAMPLES),
    st.lists(st.tuples(st.floats(0, 1), st.sampled_from(TOKENS)), min_size=1, max_size=4),
)
def test_broken_programs_never_break_the_checker(sample: str, changes: list[tuple[float, str]]) -> None:
    tokens = re.findall(r"\s+|\w+|[^\w\s]+", sample)
    for place, token in changes:
        tokens[int(place * (len(tokens) - 1))] = token
    assert not {"E9999", "E0011"} & set(codes("".join(tokens)))
