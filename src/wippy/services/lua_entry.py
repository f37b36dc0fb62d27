"""Kinds `function.lua`, `library.lua`, `process.lua`, `workflow.lua`: code."""

from __future__ import annotations

from typing import Any

import msgspec

from wippy.errors import INVALID, SourceError, WippyError
from wippy.registry.decode import decode
from wippy.registry.entry import Entry
from wippy.services.site import Site
from wippy.services.type_gate import TypeGate
from wippy.services.workflow_node import tell_unknown_workers
from wippy.units.code import LuaCode
from wippy.units.pool import Pool, PoolConfig

KINDS = ("function.lua", "library.lua", "process.lua", "workflow.lua")


class LuaConfig(msgspec.Struct):
    """Data of a Lua entry."""

    source: str = ""
    method: str = ""
    modules: list[str] = []
    imports: dict[str, Any] = {}
    pool: PoolConfig = msgspec.field(default_factory=PoolConfig)


class LuaEntryHandler:
    """Compiles code when it is registered.

    Args:
        site: the application.
        types: the gate of a handler whose code may be imported by this one's.
    """

    def __init__(self, site: Site, types: TypeGate | None = None) -> None:
        self._site = site
        self._types = types or TypeGate(site.config)

    async def create(self, entry: Entry) -> None:
        code = self._code(entry)
        try:
            self._types.admit(code)
            self._site.runtime.code.put(code)
        except SourceError as error:
            raise self._placed(entry, error) from None
        except WippyError as error:
            key = "modules" if "no module of that name" in error.message else "imports"
            told = entry.error(error.message, key, kind=error.kind)
            told.details = error.details
            raise told from None
        tell_unknown_workers(self._site, entry)

    async def update(self, entry: Entry, old: Entry) -> None:
        await self.create(entry)

    async def delete(self, entry: Entry) -> None:
        id = str(entry.id)
        self._site.runtime.code.remove(id)
        self._types.forget(id)

    def _placed(self, entry: Entry, error: SourceError) -> SourceError:
        """A syntax error in inline source is shown where it stands in the definition file."""
        if entry.file_of("source") or entry.source is None or error.line is None:
            return error
        position = entry.source.line_of("data", "source")
        if not position:
            return error
        inline = "\n" in str(entry.data.get("source", ""))
        line = position + error.line if inline else position
        return SourceError(
            error.bare,
            file=entry.source.file,
            line=line,
            column=None,
            text=entry.source.text_of(line),
            hint=f"in the source of {entry.id}, line {error.line}",
        )

    def _code(self, entry: Entry) -> LuaCode:
        config = decode(entry, LuaConfig, env=self._site.read_variable)
        if not config.source and entry.kind != "process.lua":
            raise entry.error("source is required", hint="give the code as text or as file://name.lua")
        return self._checked(entry, entry.kind, config, entry.file_of("source"))

    def _checked(self, entry: Entry, kind: str, config: LuaConfig, file: str | None) -> LuaCode:
        function, library = kind == "function.lua", kind == "library.lua"
        if function and not config.method:
            raise entry.error("method is required", hint="name the function that the source returns")
        for name in config.modules:
            if not name:
                raise entry.error("module cannot be empty", "modules")
            if ":" in name:
                raise entry.error(
                    f"module cannot have a namespace: {name}", "modules", hint="entries are named in imports:"
                )
        imports: dict[str, str] = {}
        for alias, target in config.imports.items():
            if not alias:
                raise entry.error("import alias cannot be empty", "imports")
            if isinstance(target, dict):
                target = f"{target.get('ns', '')}:{target.get('name', '')}"
            if not isinstance(target, str) or not target.rpartition(":")[2]:
                raise entry.error("import :name cannot be empty", "imports", alias)
            imports[alias] = target
        try:
            pool = config.pool.pool() if function else Pool()
        except WippyError as error:
            raise entry.error(error.message, "pool", kind=INVALID) from None
        options = entry.meta.get("options")
        options = options if isinstance(options, dict) else None
        default_host = (options or {}).get("default_host") or entry.meta.get("default_host")
        return LuaCode(
            id=str(entry.id),
            kind=kind,
            source=config.source,
            file=file,
            method="" if library else config.method or "main",
            modules=config.modules,
            imports=imports,
            pool=pool,
            options=options,
            default_host=str(default_host) if default_host and kind.startswith("process.") else None,
        )
