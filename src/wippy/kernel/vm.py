"""A Lua VM with the kernel in it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from lupa import lua54

from wippy.errors import INTERNAL, INVALID, WippyError
from wippy.kernel.lua_files import FILES, KERNEL, ON_DEMAND
from wippy.kernel.room import UNLIMITED, Room

ENTRIES = ("step", "step_again", "abandon", "inherit", "boot")
"""Functions of the kernel table that Python calls."""


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


def _compiled(files: Iterable[tuple[str, Path]]) -> tuple[tuple[bytes, bytes], ...]:
    """(chunk name, bytecode) of our own files."""
    compile_ = _runtime().execute(
        b"local load, dump = load, string.dump return function(text, name)"
        b" local f, e = load(text, name, 't') if not f then return nil, e end return dump(f) end"
    )
    out = []
    for name, path in files:
        made = compile_(path.read_bytes(), f"={name}".encode())
        if not isinstance(made, bytes):
            raise WippyError(INTERNAL, made[1].decode())
        out.append((f"={name}".encode(), made))
    return tuple(out)


@functools.cache
def _kernel() -> tuple[tuple[bytes, bytes], ...]:
    """The files that every VM has, compiled once per process."""
    return _compiled(FILES)


@functools.cache
def _part(name: bytes) -> bytes | None:
    """The bytecode of a file that a VM loads when it needs it."""
    text = name.decode()
    if text not in ON_DEMAND:
        return None
    return _compiled([(f"wippy.{text}", KERNEL / f"{text}.lua")])[0][1]


class Table:
    """Attribute access to a Lua table."""

    __slots__ = ("_cache", "_room", "_table")

    def __init__(self, table: Any) -> None:
        self._table = table
        self._room: Room | None = None
        self._cache: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        found = self._cache.get(name)
        if found is None:
            found = self._table[name.encode()]
            if self._room is not None and callable(found):
                found = self._room.entry(found)
            self._cache[name] = found
        return found

    def limit(self, room: Room) -> None:
        """What is called from now on minds the memory limit."""
        self._room = room
        self._cache.clear()


class VM:
    """A Lua VM with the kernel loaded. Not thread-safe: one thread at a time.

    Args:
        max_memory: bytes the VM may use; 0 = unlimited.
        host: host functions by name. They take and give bytes, numbers, booleans and None and never raise.
        workflow: the VM of a workflow run.
        random_seed: two integers that seed `math.random` in a workflow.

    Attributes:
        K: the kernel table.
        max_memory: the limit in bytes, 0 for none.
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
        room = Room(runtime, UNLIMITED) if max_memory else None
        for name, function in {**(host or {}), "kernel_part": _part}.items():
            functions[name.encode()] = function if room is None else room.exit(name, function)
        table[b"host"] = functions
        table[b"workflow"] = workflow
        table[b"random_seed"] = runtime.table(*random_seed)
        self._collect = collect = runtime.eval(b"collectgarbage")
        collect(b"stop")  # nothing of what is loaded is garbage: looking for some doubles the time
        for name, code in _kernel():
            load(code, name, b"b")(table)
        collect(b"restart")
        # The next cycle begins when memory has doubled, as after any other; a short run never sees one.
        collect(b"step", -(runtime.get_memory_used() // 1024))
        self.K = Table(table)
        self.max_memory = max_memory
        self._room = room
        if room is not None:
            if runtime.get_memory_used() > max_memory // 2:
                raise WippyError(INVALID, f"max_memory of {max_memory} bytes is too small for a VM")
            room.change(max_memory)
            self.K.limit(room)
            for name in ENTRIES:
                getattr(self.K, name)  # looked up while there is memory

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
        room = self._room
        if room is None:
            return getattr(self.K, name)(*args)
        room.change(self.max_memory * 3 // 2)
        try:
            return getattr(self.K, name)(*args)
        finally:
            if self._runtime.get_memory_used() < self.max_memory:
                room.change(self.max_memory)

    def without_limit(self, name: str, *args: Any) -> Any:
        """Calls a function of the kernel table of a VM that will not be used again."""
        if self._room is not None:
            self._room.change(UNLIMITED)
        return getattr(self.K, name)(*args)

    def collect(self) -> None:
        """Gives back what nothing refers to any more."""
        self._collect(b"collect")

    def memory(self) -> int:
        """Bytes in use."""
        return self._runtime.get_memory_used()
