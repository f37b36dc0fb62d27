"""A Lua VM with the kernel in it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from lupa import lua54

from wippy.errors import INTERNAL, INVALID, WippyError
from wippy.kernel.lua_files import FILES


def _refuse(owner: object, name: object, setting: bool) -> object:
    raise AttributeError("Python objects are closed to Lua code")


def _runtime() -> Any:
    make: Any = lua54.LuaRuntime
    return make(
        encoding=None,
        unpack_returned_tuples=True,
        register_eval=False,
        register_builtins=False,
        attribute_filter=_refuse,
        max_memory=0,  # counted, not limited: the limit comes when the kernel is loaded
    )


@functools.cache
def _kernel() -> tuple[tuple[bytes, bytes], ...]:
    """(chunk name, bytecode) of our own files, compiled once per process."""
    compile_ = _runtime().execute(
        b"local load, dump = load, string.dump return function(text, name)"
        b" local f, e = load(text, name, 't') if not f then return nil, e end return dump(f) end"
    )
    out = []
    for name, path in FILES:
        made = compile_(path.read_bytes(), f"={name}".encode())
        if not isinstance(made, bytes):
            raise WippyError(INTERNAL, made[1].decode())
        out.append((f"={name}".encode(), made))
    return tuple(out)


class Table:
    """Attribute access to a Lua table."""

    __slots__ = ("_cache", "_table")

    def __init__(self, table: Any) -> None:
        self._table = table
        self._cache: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        found = self._cache.get(name)
        if found is None:
            found = self._table[name.encode()]
            self._cache[name] = found
        return found


class VM:
    """A Lua VM with the kernel loaded. Not thread-safe: one thread at a time.

    Args:
        max_memory: bytes the VM may use; 0 = unlimited.
        host: host functions by name. They take and give bytes, numbers, booleans and None and never raise.
        workflow: the VM of a workflow run.
        random_seed: two integers that seed `math.random` in a workflow.

    Attributes:
        K: the kernel table.
    """

    def __init__(
        self,
        max_memory: int = 0,
        host: dict[str, Callable[..., Any]] | None = None,
        workflow: bool = False,
        random_seed: tuple[int, int] = (0, 0),
    ) -> None:
        runtime = _runtime()
        self._runtime = runtime
        load = runtime.eval(b"load")
        self._load = load
        table = runtime.table()
        functions = runtime.table()
        for name, function in (host or {}).items():
            functions[name.encode()] = function
        table[b"host"] = functions
        table[b"workflow"] = workflow
        table[b"random_seed"] = runtime.table(*random_seed)
        collect = runtime.eval(b"collectgarbage")
        collect(b"stop")  # nothing of what is loaded is garbage: looking for some doubles the time
        for name, code in _kernel():
            load(code, name, b"b")(table)
        collect(b"restart")
        # The next cycle begins when memory has doubled, as after any other; a short run never sees one.
        collect(b"step", -(runtime.get_memory_used() // 1024))
        self.K = Table(table)
        self._max_memory = max_memory
        if max_memory:
            if runtime.get_memory_used() > max_memory // 2:
                raise WippyError(INVALID, f"max_memory of {max_memory} bytes is too small for a VM")
            runtime.set_max_memory(max_memory)

    def load_chunk(self, text: bytes, name: bytes) -> Any:
        """The function of a source text (never bytecode). Raises WippyError: INVALID with Lua's message."""
        made = self._load(text, b"=" + name, b"t")
        if isinstance(made, tuple):
            raise WippyError(INVALID, made[1].decode("utf-8", "replace"))
        return made

    def with_reserve(self, name: str, *args: Any) -> Any:
        """Calls a function of the kernel table with half as much memory again as the limit allows.

        Raises:
            MemoryError: even that is not enough.
        """
        self._runtime.set_max_memory(self._max_memory * 3 // 2)
        try:
            return getattr(self.K, name)(*args)
        finally:
            if self._runtime.get_memory_used() < self._max_memory:
                self._runtime.set_max_memory(self._max_memory)

    def without_limit(self, name: str, *args: Any) -> Any:
        """Calls a function of the kernel table of a VM that will not be used again."""
        self._runtime.set_max_memory(0)
        return getattr(self.K, name)(*args)

    def memory(self) -> int:
        """Bytes in use."""
        return self._runtime.get_memory_used()
