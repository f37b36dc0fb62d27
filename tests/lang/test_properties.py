from contextlib import suppress

import lang_printer as printer
import lupa.lua54 as lupa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lang_programs import plain, programs, soup

from wippy.errors import SourceError
from wippy.lang.compiler import compile_source
from wippy.lang.emitter import emit
from wippy.lang.parser import parse

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@QUICK
@given(programs)
def test_printed_programs_give_the_same_tree(source):
    first = parse(source, "x")
    again = parse(printer.body(first.body), "x")
    assert plain(again.body) == plain(first.body)


@QUICK
@given(programs)
def test_emitted_programs_load_with_the_same_lines(source):
    lua = emit(parse(source, "x"))
    lupa.LuaRuntime(encoding=None).compile(lua, name="=x", mode="t")
    assert lua.count(b"\n") == source.count("\n") + 1


@settings(QUICK, max_examples=400)
@given(soup)
def test_token_soup_raises_nothing_but_source_errors(source):
    with suppress(SourceError):
        compile_source(source, "x")


@QUICK
@given(st.binary(max_size=80))
def test_bytes_raise_nothing_but_source_errors(source):
    with suppress(SourceError):
        compile_source(source, "x")


@QUICK
@given(programs, st.data())
def test_cut_programs_raise_nothing_but_source_errors(source, data):
    cut = data.draw(st.integers(0, len(source)))
    with suppress(SourceError):
        compile_source(source[:cut], "x")
