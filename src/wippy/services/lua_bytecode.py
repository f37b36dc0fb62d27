"""Kinds `function.lua.bc`, `library.lua.bc`, `process.lua.bc`, `workflow.lua.bc`: code from a packed file."""

from __future__ import annotations

from typing import Any

import msgspec

from wippy.errors import INVALID, WippyError
from wippy.lang.packed import digest, unpack
from wippy.registry.decode import decode
from wippy.registry.entry import Entry
from wippy.services.lua_entry import KINDS, LuaConfig, LuaEntryHandler
from wippy.services.volume_file import volume_file
from wippy.units.code import LuaCode
from wippy.units.pool import PoolConfig

ENDING = ".bc"
BYTECODE_KINDS = tuple(kind + ENDING for kind in KINDS)


class BytecodeConfig(msgspec.Struct):
    """Data of an entry whose code is packed."""

    fs: str = ""
    path: str = ""
    hash: str = ""
    method: str = ""
    modules: list[str] = []
    imports: dict[str, Any] = {}
    pool: PoolConfig = msgspec.field(default_factory=PoolConfig)


class LuaBytecodeHandler(LuaEntryHandler):
    """Reads code from volumes; all else is as for entries with a source."""

    def _code(self, entry: Entry) -> LuaCode:
        config = decode(entry, BytecodeConfig, env=self._site.read_variable)
        for name in ("fs", "path", "hash"):
            if not getattr(config, name):
                raise entry.error(f"{name} is required")
        kind = entry.kind.removesuffix(ENDING)
        if kind != "library.lua" and not config.method:
            raise entry.error("method is required", hint="name the function that the code returns")
        source = self._source(entry, config)
        plain = LuaConfig(source, config.method, config.modules, config.imports, config.pool)
        return self._checked(entry, kind, plain, file=config.path)

    def _source(self, entry: Entry, config: BytecodeConfig) -> str:
        data = volume_file(self._site, entry, config.fs, config.path)
        found = digest(data)
        if found != config.hash.lower():
            raise entry.error(f"hash mismatch: expected {config.hash}, got {found}", "hash")
        try:
            return unpack(data)
        except WippyError as error:
            raise entry.error(f"{config.path}: {error.message}", "path", kind=INVALID) from None
