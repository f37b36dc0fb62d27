"""Plain searches: the same as a search by hand, also where they are long; and they give way."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lua_base import make_vm


@pytest.fixture(scope="module")
def find():
    from lupa import lua54

    from wippy.kernel.lua_files import KERNEL

    runtime = lua54.LuaRuntime(encoding=None)
    make = runtime.execute(
        b"return function(source) local stub = { charge = function() end, raw = { find = string.find,"
        b" sub = string.sub, byte = string.byte } }"
        b" source = source:gsub('WORK = %d+', 'WORK = 40'):gsub('LONG = %d+', 'LONG = 4')"
        b" assert(load(source, 'search', 't'))(stub) return stub.find_plain end"
    )
    found = make((KERNEL / "base" / "search.lua").read_bytes())
    plain = runtime.eval(b"function(s, p, init) return string.find(s, p, init, true) end")
    return found, plain


@settings(max_examples=500, deadline=None)
@given(
    text=st.text("ab", max_size=80),
    wanted=st.one_of(st.text("ab", max_size=12), st.just("")),
    repeat=st.integers(1, 4),
    init=st.integers(-100, 100),
)
def test_it_finds_what_plain_lua_finds(find, text: str, wanted: str, repeat: int, init: int) -> None:
    found, plain = find
    s, p = (text * repeat).encode(), wanted.encode()
    assert found(s, p, init) == plain(s, p, init)


@pytest.mark.parametrize("size", [1000, 100000])
def test_a_search_at_its_worst_gives_way(size: int) -> None:
    vm = make_vm()
    charged = []
    vm.K._table[b"charge"] = charged.append
    n, m = 2_000_000, size
    assert vm.K.find_plain(b"a" * n, b"a" * m + b"b", 1) is None
    assert sum(charged) >= n
    assert vm.K.find_plain(b"a" * n + b"b", b"a" * m + b"b", 1) == (n - m + 1, n + 1)
