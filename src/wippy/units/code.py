"""The code of Lua entries: compiled chunks, what each entry may reach, and in what order its libraries load."""

from __future__ import annotations

import threading
from typing import Any

import msgspec

from wippy.errors import ALREADY_EXISTS, CONFLICT, INVALID, NOT_FOUND, PERMISSION_DENIED, SourceError, WippyError
from wippy.kernel import codec
from wippy.lang.cache import CompileCache
from wippy.modules.catalog import Catalog
from wippy.units.pool import Pool


class LuaCode(msgspec.Struct, frozen=True):
    """One Lua entry as it was registered.

    Attributes:
        id: full entry ID; the chunk name in error positions.
        kind: `function.lua`, `library.lua`, `process.lua` or `workflow.lua`.
        source: the text.
        file: where the text came from, as a user knows it.
        method: the entry function, "" for libraries.
        modules: built-in modules by name.
        imports: alias -> entry ID, or the bare name of a built-in module.
        pool: how many calls run at a time (functions).
        options: `meta.options`.
        default_host: host on which a process runs when it is called like a function.
    """

    id: str
    kind: str
    source: str
    file: str | None = None
    method: str = ""
    modules: list[str] = []
    imports: dict[str, str] = {}
    pool: Pool = Pool()
    options: dict[str, Any] | None = None
    default_host: str | None = None


class Change(msgspec.Struct):
    """What a change of the registry did to the code.

    Attributes:
        affected: entries whose next use differs: those that changed and all that import them.
        sources: entries that were there before and have other code now.
        revision: of the code from now on.
    """

    affected: list[str]
    sources: list[str]
    revision: int


class CodeStore:
    """All Lua code of an application. Thread-safe: VMs ask from their worker threads.

    Between `begin` and `commit` or `rollback` everybody else sees the code as it was before.

    Attributes:
        revision: grows with every change.
    """

    def __init__(self, catalog: Catalog, cache: CompileCache) -> None:
        self._catalog = catalog
        self._cache = cache
        self._lock = threading.RLock()
        self._codes: dict[str, LuaCode] = {}
        self._keys: dict[str, bytes] = {}
        self._chunks: dict[bytes, tuple[bytes, bytes]] = {}
        self._types: dict[bytes, bytes] = {}
        self._packed: dict[str, bytes] = {}
        self._refused: dict[str, LuaCode] = {}
        self._live = (self._codes, self._keys)
        self.revision = 0

    def begin(self) -> None:
        """A change of the registry begins: what an earlier one refused is forgotten."""
        with self._lock:
            self._refused.clear()
            self._live = (self._codes, self._keys)
            self._codes, self._keys = dict(self._codes), dict(self._keys)

    def rollback(self) -> None:
        """The change failed: what it did is forgotten."""
        with self._lock:
            self._codes, self._keys = self._live

    def commit(self) -> Change:
        """The change is in force."""
        with self._lock:
            before, _ = self._live
            self._live = (self._codes, self._keys)
            self._packed.clear()
            self.revision += 1
            touched = [id for id, code in self._codes.items() if before.get(id) != code]
            touched += [id for id in before if id not in self._codes]
            affected = set(touched)
            for id in touched:
                affected |= self._importers(id)
            sources = [id for id in touched if _text(before.get(id)) != _text(self._codes.get(id))]
            sources = [id for id in sources if id in before and id in self._codes]
            return Change(sorted(affected), sorted(sources), self.revision)

    def get(self, id: str) -> LuaCode | None:
        """The code registered under an ID."""
        return self._live[0].get(id)

    def preset(self, id: str) -> dict[str, Any] | None:
        """`meta.options` of an entry."""
        code = self._live[0].get(id)
        return code.options if code is not None else None

    def ids(self, prefix: str) -> list[str]:
        """IDs of the entries whose kind begins with `prefix`, sorted."""
        return sorted(id for id, code in self._live[0].items() if code.kind.startswith(prefix))

    def dependents(self) -> list[LuaCode]:
        """Entries that the change under way leaves alone and that import changed ones, imported ones first."""
        with self._lock:
            before, _ = self._live
            touched = {id for id, code in self._codes.items() if before.get(id) is not code}
            found: set[str] = set()
            for id in touched:
                found |= self._importers(id)
            order: list[str] = []
            waiting = [(id, False) for id in sorted(found - touched)]
            while waiting:
                id, done = waiting.pop()
                if done:
                    order.append(id)
                elif id in found and id not in order:
                    waiting.append((id, True))
                    waiting.extend((target, False) for target in self._codes[id].imports.values())
            return [self._codes[id] for id in dict.fromkeys(order) if id not in touched]

    def compile(self, code: LuaCode) -> bytes:
        """Compiles and keeps the chunk; returns its key. Raises SourceError for a syntax error."""
        try:
            chunk = self._cache.compile(code.source, code.id)
        except SourceError as error:
            raise SourceError(
                error.bare,
                file=code.file or code.id,
                line=error.line,
                column=error.column,
                text=error.text,
                hint=error.hint or f"this is the source of {code.id} ({code.kind})",
            ) from None
        key = (chunk.hash + ":" + code.id).encode()
        with self._lock:
            self._chunks[key] = (chunk.lua, b"t")
            if chunk.types:
                self._types[key] = codec.pack([{"types": chunk.types, "aliases": chunk.aliases}])[1:]
        return key

    def put(self, code: LuaCode) -> None:
        """Adds or replaces an entry.

        Raises:
            SourceError: syntax error.
            WippyError: NOT_FOUND for an unknown module or import, INVALID for a cycle, CONFLICT for two targets
                under one alias, PERMISSION_DENIED for a workflow that reaches a module it may not use.
        """
        key = self.compile(code)
        with self._lock:
            before = self._codes.get(code.id)
            self._codes[code.id] = code
            try:
                self._check(code)
                for other in self._importers(code.id):
                    self._check(self._codes[other])
            except WippyError as error:
                if before is None:
                    del self._codes[code.id]
                else:
                    self._codes[code.id] = before
                if error.kind == NOT_FOUND:
                    self._refused[code.id] = code
                    self._check_refused(code, [])
                raise
            self._refused.pop(code.id, None)
            self._keys[code.id] = key
            self._packed.clear()
            self.revision += 1

    def put_guest(self, code: LuaCode) -> None:
        """Adds or replaces a process whose source is not Lua; `wippy.units.guests` runs it."""
        with self._lock:
            self._codes[code.id] = code
            self._packed.pop(code.id, None)
            self.revision += 1

    def remove(self, id: str) -> None:
        """Removes an entry. Raises WippyError: CONFLICT while others import it; within a change see `verify`."""
        with self._lock:
            if self._live[0] is self._codes:
                self._refuse_orphans(id)
            self._codes.pop(id, None)
            self._keys.pop(id, None)
            self._packed.clear()
            self.revision += 1

    def verify(self) -> None:
        """The change under way leaves no entry without what it imports. Raises WippyError: CONFLICT."""
        with self._lock:
            for id in self._live[0]:
                if id not in self._codes:
                    self._refuse_orphans(id)

    def _refuse_orphans(self, id: str) -> None:
        importers = [other for other in self._importers(id, direct=True) if other != id]
        if importers:
            raise WippyError(CONFLICT, f"cannot remove node {id}: it is imported by {', '.join(sorted(importers))}")

    def affected(self, id: str) -> list[str]:
        """The entry and everything that imports it, directly or not."""
        with self._lock:
            return [id, *sorted(self._importers(id))]

    def chunk(self, key: bytes) -> tuple[bytes, bytes] | None:
        """Text and mode of a chunk."""
        return self._chunks.get(key)

    def chunk_types(self, key: bytes) -> bytes | None:
        """The declared types of a chunk, packed: `{types, aliases}` as in `wippy.lang.chunk.Chunk`, or None."""
        return self._types.get(key)

    def packed(self, id: str) -> bytes:
        """What a VM needs to run an entry. Raises WippyError: NOT_FOUND."""
        with self._lock:
            found = self._packed.get(id)
            if found is None:
                code = self._live[0].get(id)
                if code is None:
                    raise WippyError(NOT_FOUND, f"no code is registered as {id}", details={"id": id})
                found = self._packed[id] = codec.pack([self._record(code)])[1:]
            return found

    def _record(self, code: LuaCode) -> dict[str, Any]:
        codes, keys = self._live
        if code.id not in keys:
            shared = {"kind": code.kind, "method": code.method, "default_host": code.default_host}
            return {**shared, "guest": True, "options": code.options, "revision": self.revision}
        libraries, modules = self._reach(code, codes)
        return {
            "kind": code.kind,
            "method": code.method,
            "main": keys[code.id],
            "libs": [
                {"key": keys[library], "id": library, "aliases": aliases} for library, aliases in libraries.items()
            ],
            "modules": [[alias, name] for alias, name in modules.items()],
            "callable": code.kind.startswith("function."),
            "default_host": code.default_host,
            "options": code.options,
            "pool": {"limit": code.pool.limit},
            "pinned": code.pool.pinned,
            "revision": self.revision,
        }

    def _reach(self, code: LuaCode, codes: dict[str, LuaCode]) -> tuple[dict[str, list[str]], dict[str, str]]:
        """Libraries (deepest first, with their aliases) and modules (alias -> name) that a state of `code` holds."""
        libraries: dict[str, list[str]] = {}
        modules: dict[str, str] = {}
        owners: dict[str, tuple[str, str]] = {}
        trail: list[str] = []

        def claim(alias: str, target: str, owner: str) -> None:
            held = owners.get(alias)
            if held is None:
                owners[alias] = (target, owner)
            elif held[0] != target:
                how = [
                    f"{one} ({'direct import' if whose == code.id else 'transitive via ' + whose})"
                    for one, whose in (held, (target, owner))
                ]
                raise WippyError(CONFLICT, f"alias '{alias}' collision: {how[0]} vs {how[1]}")

        def visit(one: LuaCode) -> None:
            if one.id in trail:
                circle = " -> ".join([*trail[trail.index(one.id) :], one.id])
                raise WippyError(INVALID, f"adding dependency would create a cycle: {circle}")
            trail.append(one.id)
            for name in one.modules:
                self._module(one, name)
                claim(name, f":{name}", one.id)
                modules[name] = name
            for alias, target in one.imports.items():
                if ":" not in target or target.startswith(":"):
                    name = target.lstrip(":")
                    self._module(one, name)
                    claim(alias, f":{name}", one.id)
                    modules[alias] = name
                    continue
                library = codes.get(target)
                if library is None:
                    raise WippyError(
                        NOT_FOUND,
                        f"failed to add dependency {one.id} -> {target}: target node with ID {target} not found "
                        f"(import '{alias}')",
                    )
                claim(alias, target, one.id)
                visit(library)
                aliases = libraries.setdefault(target, [])
                if alias not in aliases:
                    aliases.append(alias)
            trail.pop()

        visit(code)
        return libraries, modules

    def _module(self, code: LuaCode, name: str) -> None:
        if self._catalog.get(name) is None:
            raise WippyError(
                NOT_FOUND,
                f"failed to add dependency {code.id} -> {name}: target node with ID {name} not found "
                f"(there is no module of that name{_near(name, self._catalog.names())})",
            )

    def _check(self, code: LuaCode) -> None:
        seen: set[str] = set()
        for name in code.modules:
            if name in seen:
                raise WippyError(ALREADY_EXISTS, f"dependency from {code.id} to {name} already exists")
            seen.add(name)
        _, modules = self._reach(code, self._codes)
        if code.kind.startswith("workflow."):
            for name in modules.values():
                module = self._catalog.get(name)
                if module is not None and not module.in_workflows:
                    raise WippyError(
                        PERMISSION_DENIED,
                        f"failed to register factory {code.id}: module does not have any allowed class: "
                        f"a workflow cannot use '{name}'; call a function that does",
                        details={"node_id": f":{name}"},
                    )

    def _check_refused(self, code: LuaCode, trail: list[str]) -> None:
        """Entries that wait for each other are a cycle, though none of them could be added yet."""
        if code.id in trail:
            circle = " -> ".join([*trail[trail.index(code.id) :], code.id])
            raise WippyError(INVALID, f"adding dependency would create a cycle: {circle}")
        for target in code.imports.values():
            if target in self._refused:
                self._check_refused(self._refused[target], [*trail, code.id])

    def _importers(self, id: str, direct: bool = False) -> set[str]:
        found: set[str] = set()
        waiting = [id]
        while waiting:
            one = waiting.pop()
            for other, code in self._codes.items():
                if other not in found and one in code.imports.values():
                    found.add(other)
                    if not direct:
                        waiting.append(other)
        return found


def _text(code: LuaCode | None) -> Any:
    """What running code depends on, of all that is known of an entry."""
    return code and (code.source, code.method, code.modules, code.imports)


def _near(name: str, known: list[str]) -> str:
    from difflib import get_close_matches

    found = get_close_matches(name, known, 1, 0.6)
    return f"; did you mean {found[0]}?" if found else ""
