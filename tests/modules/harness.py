"""Runs Lua code against the real bindings on a small kernel table, without processes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lupa import lua54

import wippy.kernel
import wippy.modules
from wippy.errors import NOT_FOUND, WippyError
from wippy.kernel import codec
from wippy.modules.bindings import Bindings
from wippy.modules.catalog import Catalog
from wippy.registry.entry import ID, Entry
from wippy.registry.finder import Filter

HERE = Path(__file__).parent
KERNEL = Path(wippy.kernel.__file__).parent / "lua"
MODULES = Path(wippy.modules.__file__).parent


class LuaFailure(Exception):
    """The Lua code raised."""


@dataclass
class Unit:
    pid: str = "p1"
    entry: str = "app:main"
    frame: Any = None
    workflow: bool = False
    clock: int = 1_700_000_000_000_000_000
    drawn: int = 0

    def now_ns(self) -> int:
        self.clock += 1000
        return self.clock

    def entropy(self, size: int) -> bytes:
        self.drawn += 1
        return bytes((self.drawn * 37 + i * 11) % 256 for i in range(size))


class Environment:
    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def get(self, name: str, namespace: str = "") -> str:
        if name not in self.values:
            raise WippyError(NOT_FOUND, "environment variable not found")
        return self.values[name]

    def set(self, name: str, value: str, namespace: str = "") -> None:
        self.values[name] = value

    def get_all(self) -> dict[str, str]:
        return dict(self.values)


class Registry:
    def __init__(self) -> None:
        self.items: list[Entry] = []

    def get(self, id_: Any) -> Any:
        return next((item for item in self.items if str(item.id) == str(id_)), None)

    def find(self, criteria: dict[Any, Any]) -> list[Entry]:
        return sorted(filter(Filter(criteria), self.items), key=lambda entry: entry.id)

    def add(self, id_: str, kind: str, meta: dict[str, Any] | None = None, data: Any = None) -> None:
        self.items.append(Entry(ID.parse(id_), kind, meta or {}, data))


@dataclass
class Services:
    resources: dict[str, Any] = field(default_factory=dict)
    denied: set[tuple[str, str]] = field(default_factory=set)
    logged: list[tuple[str, str, str, dict[str, Any]]] = field(default_factory=list)
    registry: Registry = field(default_factory=Registry)
    environment: Environment = field(default_factory=Environment)

    def resource(self, id: str) -> Any:
        if id not in self.resources:
            raise WippyError(NOT_FOUND, "resource not found")
        return self.resources[id]

    def permitted(self, frame: Any, action: str, resource: str, meta: dict[str, Any] | None) -> bool:
        return (action, resource) not in self.denied

    def log(self, level: str, name: str, message: str, fields: dict[str, Any], unit: Any) -> None:
        self.logged.append((level, name, message, fields))


class Lua:
    """One VM with one unit."""

    def __init__(
        self, services: Services | None = None, *, catalog: Catalog | None = None, workflow: bool = False
    ) -> None:
        self.services = services or Services()
        self.bindings = Bindings(self.services, catalog)
        self.unit = Unit(workflow=workflow)
        runtime = lua54.LuaRuntime(encoding=None, unpack_returned_tuples=True, register_eval=False)
        load = runtime.eval(b"function(s, n) return assert(load(s, n)) end")
        chunks = [
            load(path.read_bytes(), f"@{path.name}".encode())
            for path in (KERNEL / "object.lua", KERNEL / "codec.lua", MODULES / "lua" / "binder.lua")
        ]
        host = runtime.table_from(
            {
                b"module_load": self.bindings.module_load,
                b"module_call": lambda fn, packed: self.bindings.module_call(self.unit, fn, packed),
            }
        )
        prelude = load((HERE / "prelude.lua").read_bytes(), b"@prelude.lua")
        self._start, self._step = prelude(host, *chunks, workflow)

    async def run(self, source: str) -> Any:
        """Runs a chunk; its returned value, or a list of them when there are several."""
        started = self._start(source.encode())
        if not isinstance(started, int):
            raise LuaFailure(started[1].decode())
        reply = self._step(started)
        while reply[0] == b"command":
            assert reply[1] == b"module"
            status, packed = await self.bindings.module_command(self.unit, reply[2], reply[3])
            reply = self._step(started, status, packed)
        if reply[0] == b"failed":
            raise LuaFailure(reply[1].decode("utf-8", "replace"))
        values = codec.unpack(reply[1])
        return values[0] if len(values) == 1 else values if values else None

    def call(self, source: str) -> Any:
        """The same for code that never waits."""
        return asyncio.run(self.run(source))
