"""Source → `Chunk`: what a worker needs to load and run it."""

from __future__ import annotations

import re
import threading
from importlib import import_module
from typing import Any, NoReturn

from wippy.errors import SourceError
from wippy.lang.chunk import Chunk, chunk_hash, version
from wippy.lang.describe import aliases, describe
from wippy.lang.emitter import emit
from wippy.lang.lexer import normalize
from wippy.lang.parser import parse

__all__ = ["Chunk", "chunk_hash", "compile_source", "parse", "version"]

_MESSAGE = re.compile(rb"^.*?:([0-9]+): (.*)$", re.DOTALL)


def compile_source(source: bytes | str, name: str) -> Chunk:
    """Parses, checks and emits one chunk.

    Args:
        source: the text; `str` is taken as UTF-8.
        name: chunk name, an entry ID.

    Raises:
        SourceError: a mistake in the source, with line and column.
    """
    parsed = parse(source, name)
    lua = emit(parsed)
    _check(lua, name, source)
    return Chunk(name, lua, describe(parsed), parsed.requires, chunk_hash(source, name), aliases(parsed))


_thread = threading.local()


def _check(lua: bytes, name: str, source: bytes | str) -> None:
    """Lets Lua load the text, for the limits that only its compiler knows (registers, upvalues, nesting)."""
    lupa: Any = import_module("lupa.lua54")
    runtime = getattr(_thread, "runtime", None)
    if runtime is None:
        runtime = _thread.runtime = lupa.LuaRuntime(encoding=None, register_eval=False, register_builtins=False)
    try:
        runtime.compile(lua, name="=chunk", mode="t")
    except lupa.LuaError as error:
        _refuse(error.args[0], name, source)


def _refuse(raw: bytes, name: str, source: bytes | str) -> NoReturn:
    first = raw.split(b"\n")[0]
    if b"C stack overflow" in first:
        raise SourceError(
            "chunk is nested too deeply", file=name, hint="split the expression or the functions into smaller ones"
        )
    match = _MESSAGE.match(first)
    if match is None:
        raise SourceError(first.decode("utf-8", "replace"), file=name)
    line = int(match[1])
    lines = normalize(source).encode("latin-1").split(b"\n")
    text = lines[line - 1].decode("utf-8", "replace") if line <= len(lines) else None
    raise SourceError(match[2].decode("utf-8", "replace"), file=name, line=line, text=text)
