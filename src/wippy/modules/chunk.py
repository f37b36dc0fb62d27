"""Lua files of modules as bytecode, compiled once per Python process."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from lupa import lua54


@functools.cache
def compiled(path: str, name: str) -> bytes:
    """Bytecode of a Lua file of ours.

    Args:
        path: the file.
        name: chunk name for error positions, `=` in front.

    Raises:
        ValueError: the file has a syntax error.
    """
    make: Any = lua54.LuaRuntime
    runtime = make(encoding=None, unpack_returned_tuples=True, register_eval=False, register_builtins=False)
    compile_ = runtime.execute(
        b"local load, dump = load, string.dump return function(text, name)"
        b" local f, e = load(text, name, 't') if not f then return nil, e end return dump(f) end"
    )
    made = compile_(Path(path).read_bytes(), name.encode())
    if isinstance(made, bytes):
        return made
    raise ValueError(f"{path}: {made[1].decode()}")
