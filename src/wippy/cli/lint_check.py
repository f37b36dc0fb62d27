"""The check of all Lua entries of a project: in the order of their imports, each result kept by its content."""

from __future__ import annotations

from difflib import get_close_matches
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from wippy.lang.check.diagnostic import CIRCULAR, DUPLICATE, ERROR, PRECONDITION, UNDEFINED, Diagnostic
from wippy.lang.check.prelude import REQUIRABLE
from wippy.modules.module_types import ModuleTypes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from wippy.lang.check.checker import Interface
    from wippy.lang.check.types import Type
    from wippy.lang.tree import Chunk
    from wippy.registry.entry import Entry

KINDS = frozenset(("function.lua", "library.lua", "process.lua", "workflow.lua"))
CACHE = Path(".wippy") / "cache" / "lint"
_FILE = "results"
_SIZE = 16


class Source(msgspec.Struct):
    """One Lua entry as the check needs it.

    Attributes:
        file, line: file of the source, and the line of it in front of the first one of the source; 0 in a file of
            its own.
        definition: where the entry was written.
    """

    id: str
    ns: str
    kind: str
    text: str
    modules: list[str]
    imports: dict[str, str]
    file: str | None = None
    line: int | None = None
    definition: Any = None


def sources(entries: list[Entry]) -> dict[str, Source]:
    """The Lua entries that have a source, by ID."""
    found: dict[str, Source] = {}
    for entry in entries:
        text = entry.data.get("source")
        if entry.kind not in KINDS or not isinstance(text, str):
            continue
        id = str(entry.id)
        found[id] = Source(
            id, entry.id.ns, entry.kind, text, _modules(entry), _imports(entry), *_place(entry), entry.source
        )
    return found


def _place(entry: Entry) -> tuple[str | None, int | None]:
    """The file of the source, and the line in front of its first one where it stands in a definition file."""
    file = entry.file_of("source")
    if file:
        return str(file), 0
    if entry.source is None:
        return None, None
    line = entry.source.line_of("data", "source")
    return str(entry.source.file), line or None


def _modules(entry: Entry) -> list[str]:
    modules = entry.data.get("modules")
    return [name for name in modules if isinstance(name, str)] if isinstance(modules, list) else []


def _imports(entry: Entry) -> dict[str, str]:
    imports = entry.data.get("imports")
    out: dict[str, str] = {}
    for alias, target in (imports if isinstance(imports, dict) else {}).items():
        if isinstance(target, dict):
            target = f"{target.get('ns', '')}:{target.get('name', '')}"
        if isinstance(target, str):
            out[str(alias)] = target.removeprefix(":")
    return out


def compiled(entries: list[Entry]) -> frozenset[str]:
    """IDs of entries that can be imported though there is no source to look at."""
    kinds = KINDS | {f"{kind}.bc" for kind in KINDS}
    return frozenset(str(entry.id) for entry in entries if entry.kind in kinds)


class Project:
    """The Lua entries of a project and what was found in each.

    Args:
        found: the sources, by ID.
        cache: folder in which results are kept, None for none.
        others: IDs that may be imported too.
    """

    def __init__(
        self, found: Mapping[str, Source], cache: Path | None = CACHE, others: frozenset[str] = frozenset()
    ) -> None:
        self.sources = found
        self.importable = others | found.keys()
        self.cache = cache
        self.keys: dict[str, bytes] = {}
        self.interfaces: dict[str, Interface] = {}
        self._modules = ModuleTypes()
        self._kept = _read(cache)
        self._fresh: dict[bytes, list[Diagnostic]] = {}
        self._making: set[str] = set()

    def reach(self, ids: list[str]) -> list[str]:
        """These entries and all they import, sorted."""
        seen: set[str] = set()
        stack = [id for id in ids if id in self.sources]
        while stack:
            id = stack.pop()
            if id in seen:
                continue
            seen.add(id)
            stack.extend(target for target in self.sources[id].imports.values() if target in self.sources)
        return sorted(seen)

    def check(self, ids: list[str], *, keep: bool = False) -> dict[str, list[Diagnostic]]:
        """Findings of each entry, style rules included, imported entries first.

        Args:
            ids: entries and all they import.
            keep: keeps earlier results of other entries, too.
        """
        out: dict[str, list[Diagnostic]] = {}
        for id in self._order(ids):
            key = self._key(id)
            held = self._kept.get(key)
            # What is missing may have been installed meanwhile.
            if held is None or any(each.key for each in held):
                held = self._check(id)
            out[id] = self._fresh[key] = held
        kept = {**self._kept, **self._fresh} if keep else self._fresh
        if set(kept) != set(self._kept):
            _write(self.cache, kept)
        return out

    def _order(self, ids: list[str]) -> list[str]:
        """Depth first from a stack; an import cycle is cut where it closes."""
        order: list[str] = []
        state: dict[str, int] = {}
        for start in ids:
            stack: list[tuple[str, bool]] = [(start, False)]
            while stack:
                id, done = stack.pop()
                if done:
                    state[id] = 2
                    order.append(id)
                    continue
                if id in state or id not in self.sources:
                    continue
                state[id] = 1
                stack.append((id, True))
                stack.extend((target, False) for target in self.sources[id].imports.values() if target not in state)
        return order

    def _key(self, id: str) -> bytes:
        found = self.keys.get(id)
        if found is not None:
            return found
        source = self.sources[id]
        digest = blake2b(_version(), digest_size=_SIZE)
        parts = [id, source.kind, source.text, *source.modules, ""]
        for alias, target in source.imports.items():
            known = self.keys.get(target)
            parts += [alias, target, known.hex() if known is not None else str(target in self.importable)]
        for part in parts:
            raw = part.encode("utf-8", "surrogateescape")
            digest.update(len(raw).to_bytes(8, "little"))
            digest.update(raw)
        found = self.keys[id] = digest.digest()
        return found

    def _check(self, id: str) -> list[Diagnostic]:
        from wippy.lang.check.checker import check_source

        source = self.sources[id]
        libraries = {
            alias: self.interfaces[target]
            for alias, target in source.imports.items()
            if self._interface(target) is not None
        }
        found, chunk, interface = check_source(
            source.text,
            id,
            modules=self._module_types(source),
            libraries=libraries,
            rules=True,
            alone=source.kind != "library.lua" and not any(":" in target for target in source.imports.values()),
        )
        if interface is not None:
            self.interfaces[id] = interface
        undeclared = [] if chunk is None else self._undeclared(source, chunk)
        return sorted(
            [*self._unknown(source), *self._refused(source), *undeclared, *found], key=lambda each: each.order
        )

    def _interface(self, id: str) -> Interface | None:
        """What importers know of an entry; made on demand where its findings came from the cache."""
        if id in self.interfaces or id not in self.sources:
            return self.interfaces.get(id)
        from wippy.errors import SourceError
        from wippy.lang.check.checker import Checker
        from wippy.lang.parser import parse

        source = self.sources[id]
        if id not in self.keys:
            return None
        self._making.add(id)
        libraries: dict[str, Interface] = {}
        for alias, target in source.imports.items():
            found = None if target in self._making else self._interface(target)
            if found is not None:
                libraries[alias] = found
        self._making.discard(id)
        try:
            chunk = parse(source.text, id)
        except SourceError:
            return None
        self.interfaces[id] = Checker(chunk, {}, libraries).interface()
        return self.interfaces[id]

    def _module_types(self, source: Source) -> dict[str, Type]:
        types: dict[str, Type] = {}
        named = {name: name for name in (*source.modules, "channel", "process", "payload")}
        named.update({alias: target for alias, target in source.imports.items() if ":" not in target})
        for alias, name in named.items():
            found = self._modules.get(name)
            if found is not None:
                types[alias] = found
        return types

    def _unknown(self, source: Source) -> list[Diagnostic]:
        """Modules and imports that do not exist."""
        out: list[Diagnostic] = []
        for index, name in enumerate(source.modules):
            if name not in REQUIRABLE and self._modules.get(name) is None:
                text = f"unknown module '{name}' in modules:"
                out.append(_unknown(text, self._near(name, self._names()), "modules", index))
        for alias, target in source.imports.items():
            entry = ":" in target
            missing = target not in self.importable if entry else self._modules.get(target) is None
            if missing:
                text = f"import '{alias}' names {target}, which does not exist"
                near = self._near(target, self.importable - {source.id} if entry else self._names())
                out.append(_unknown(text, near or "imports: names entries with Lua source", "imports", alias))
        return out

    def _refused(self, source: Source) -> list[Diagnostic]:
        """What else the registry refuses: circles of imports, a module twice, modules that do not replay."""
        out: list[Diagnostic] = []
        for index, name in enumerate(source.modules):
            if name in source.modules[:index]:
                text = f"module '{name}' stands twice in modules:"
                out.append(Diagnostic(DUPLICATE, ERROR, text, hint="remove one", key=("data", "modules", index)))
        for alias, target in source.imports.items():
            if source.id in self.reach([target]):
                text = f"import '{alias}' leads back to {source.id}: entries cannot import each other in a circle"
                hint = "move what both need to a library of its own"
                out.append(Diagnostic(CIRCULAR, ERROR, text, hint=hint, key=("data", "imports", alias)))
        if source.kind == "workflow.lua":
            out.extend(self._not_replayed(source))
        return out

    def _not_replayed(self, source: Source) -> Iterator[Diagnostic]:
        places: list[tuple[str, str, tuple[str | int, ...]]] = []
        for index, name in enumerate(source.modules):
            places.append((name, "", ("data", "modules", index)))
        for alias, target in source.imports.items():
            key = ("data", "imports", alias)
            if ":" not in target:
                places.append((target, "", key))
            for id in self.reach([target]):
                inner = self.sources[id]
                names = [*inner.modules, *(name for name in inner.imports.values() if ":" not in name)]
                places.extend((name, id, key) for name in names)
        for name, via, key in places:
            module = self._modules.catalog.get(name)
            if module is not None and not module.in_workflows:
                text = f"a workflow cannot use module '{name}'{f', which {via} uses' if via else ''}"
                hint = "use it in a function, and call that with funcs.call"
                yield Diagnostic(PRECONDITION, ERROR, text, hint=hint, key=key)

    def _undeclared(self, source: Source, chunk: Chunk) -> list[Diagnostic]:
        """Constant `require` calls that can only fail."""
        known = {*source.modules, *source.imports, *REQUIRABLE}
        out: list[Diagnostic] = []
        for name, line in chunk.requires:
            if name in known or name in chunk.globals:
                continue
            text = f"module '{name}' not found: it is in neither modules: nor imports: of {source.id}"
            if name in self.sources:
                hint = f"add it to imports: under a name of its own, and require that: `imports: {{lib: {name}}}`"
            elif self._modules.get(name) is not None:
                hint = f"add `{name}` to modules: of {source.id}"
            else:
                hint = (
                    self._near(name, [*source.imports, *self._names()])
                    or "name a module in modules: or an entry in imports:"
                )
            out.append(Diagnostic(UNDEFINED, ERROR, text, line, _column(chunk, name, line), hint=hint))
        return out

    def _names(self) -> list[str]:
        return self._modules.catalog.names()

    def _near(self, name: str, known: Iterable[str]) -> str:
        found = get_close_matches(name, sorted(known), 1, 0.6)
        return f"did you mean {found[0]}?" if found else ""


def _unknown(text: str, hint: str, *key: str | int) -> Diagnostic:
    return Diagnostic(UNDEFINED, ERROR, text, hint=hint, key=("data", *key))


def _column(chunk: Chunk, name: str, line: int) -> int | None:
    """Where the `require` of a name stands in a line."""
    tokens = chunk.tokens
    for at, text in enumerate(tokens.texts):
        if text[1:-1] == name and text[0] in "\"'":
            found = tokens.position(tokens.starts[at])
            if found[0] == line:
                return found[1]
    return None


def _version() -> bytes:
    """Changes with everything that findings depend on besides the sources."""
    global _digest
    if not _digest:
        import wippy

        digest = blake2b(digest_size=_SIZE)
        root = Path(wippy.__file__).parent
        for folder in (root / "lang", root / "modules"):
            for path in sorted(folder.rglob("*.py")):
                state = path.stat()
                digest.update(f"{path}|{state.st_size}|{state.st_mtime_ns}\n".encode())
        digest.update(Path(__file__).read_bytes())
        _digest = digest.digest()
    return _digest


_digest = b""


def _read(folder: Path | None) -> dict[bytes, list[Diagnostic]]:
    if folder is None:
        return {}
    try:
        return msgspec.msgpack.decode((folder / _FILE).read_bytes(), type=dict[bytes, list[Diagnostic]])
    except (OSError, msgspec.MsgspecError):
        return {}


def _write(folder: Path | None, kept: dict[bytes, list[Diagnostic]]) -> None:
    """A cache that cannot be written is no mistake of the user."""
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f"{_FILE}.part"
        part.write_bytes(msgspec.msgpack.encode(kept))
        part.replace(folder / _FILE)
    except OSError:
        return
