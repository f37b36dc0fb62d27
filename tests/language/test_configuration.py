"""The `lua` section of the configuration."""

from __future__ import annotations

from typing import Any

import pytest

from application import application, process
from wippy.modules import eval_runner
from wippy.modules.eval_runner.cache import CompiledCache
from wippy.modules.expr import cache

TWICE = """
local er, expr = require("eval_runner"), require("expr")
local out = {}
for i = 1, 2 do out[#out + 1] = er.run({source = "return 'configured'"}) out[#out + 1] = expr.eval("20 + 3") end
return out
"""
EVERY_KEY = {
    "type_system": {"enabled": True, "strict": False},
    "cache": {"enabled": True, "mode": "off", "compile": {"enabled": True}, "typecheck": {"enabled": True}},
    "proto_cache_size": 10,
    "main_cache_size": 10,
    "expr": {"cache_enabled": True, "capacity": 5},
    "json": {"cache_enabled": True, "capacity": 5},
    "eval": {"cache_size": 5, "cache_ttl": "1h"},
    "invalidation_wait_timeout": "1s",
}


def compilations(lua: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """How often the program and the expression of TWICE are compiled."""
    sources: list[bytes] = []
    programs: list[str] = []
    compile_source, compile_program = eval_runner.compile_source, cache.compile_program
    monkeypatch.setattr(eval_runner, "compile_source", lambda s, n: (sources.append(s), compile_source(s, n))[1])
    monkeypatch.setattr(cache, "compile_program", lambda t, v: (programs.append(t), compile_program(t, v))[1])
    with application(process("unused", "return function() end"), config={"lua": lua}) as app:
        assert app.lua(TWICE, modules=["eval_runner", "expr"]) == ["configured", 23] * 2
    return len(sources), len(programs)


@pytest.mark.parametrize(
    ("lua", "counts"),
    [
        ({}, (1, 1)),
        (EVERY_KEY, (1, 1)),
        ({"expr": {"cache_enabled": False}}, (1, 2)),
        ({"expr": {"capacity": 0}}, (1, 2)),
        ({"eval": {"cache_size": 0}}, (2, 1)),
        ({"eval": {"cache_ttl": "1ns"}}, (2, 1)),
    ],
)
def test_keys(lua: dict[str, Any], counts: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    assert compilations(lua, monkeypatch) == counts


def test_programs_grow_old_and_make_room() -> None:
    now = 0.0
    made: list[bytes] = []

    def compile_(source: bytes) -> tuple[bytes, bytes]:
        made.append(source)
        return source, b""

    kept = CompiledCache(2, 10, lambda: now)
    for source in (b"a", b"b", b"a", b"c", b"a", b"b"):
        assert kept.compiled(source, compile_) == (source, b"")
    assert made == [b"a", b"b", b"c", b"b"]
    assert len(kept) == 2
    now = 9.0
    kept.compiled(b"b", compile_)
    now = 10.0
    kept.compiled(b"b", compile_)
    assert made[4:] == [b"b"]
