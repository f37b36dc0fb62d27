"""The list of modules: ours by name, others through the entry-point group `wippy.modules`."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from wippy.errors import NOT_FOUND, WippyError
from wippy.kernel import codec
from wippy.modules.chunk import compiled
from wippy.modules.module import Function, Module

GROUP = "wippy.modules"

# Each stands in wippy.modules.<name> as an attribute `<name>` or `module` and is imported when first asked for.
BUILT_IN = (
    "base64",
    "channel",
    "coroutine",
    "crypto",
    "ctx",
    "env",
    "errors",
    "eval_runner",
    "events",
    "expr",
    "fs",
    "funcs",
    "hash",
    "io",
    "json",
    "logger",
    "os",
    "payload",
    "pg",
    "process",
    "registry",
    "security",
    "sql",
    "stream",
    "system",
    "text",
    "time",
    "tty",
    "uuid",
    "workflow",
    "yaml",
)


class Catalog:
    """Modules by name. Unknown names are looked for among installed packages; a found module is kept."""

    def __init__(self, extra: tuple[Module, ...] = ()) -> None:
        self._modules: dict[str, Module | None] = {module.name: module for module in extra}
        self._functions: dict[bytes, Function] = {}
        self._packed: dict[str, bytes] = {}
        for module in extra:
            self._index(module)

    def get(self, name: str) -> Module | None:
        """The module, or None when nothing declares that name.

        Raises:
            WippyError: INVALID when an installed package offers the name but gives something else.
        """
        if name in self._modules:
            return self._modules[name]
        module = self._built_in(name) if name in BUILT_IN else None
        if module is None:
            module = self._installed(name)
        self._modules[name] = module
        if module is not None:
            self._index(module)
        return module

    def function(self, fn_id: bytes) -> Function:
        """The declaration behind an id such as `sql.DB.query`. Raises WippyError: NOT_FOUND."""
        found = self._functions.get(fn_id)
        if found is None:
            self.get(fn_id.decode("utf-8", "replace").partition(".")[0])
            found = self._functions.get(fn_id)
            if found is None:
                raise WippyError(NOT_FOUND, f"no module function {fn_id.decode('utf-8', 'replace')}")
        return found

    def packed(self, name: str) -> bytes | None:
        """`[spec, [[chunk, chunk name], …]]` for the Lua side."""
        found = self._packed.get(name)
        if found is None:
            module = self.get(name)
            if module is None:
                return None
            chunks = [[compiled(str(path), f"={name}/{path.name}"), f"={name}/{path.name}"] for path in module.lua]
            found = self._packed[name] = codec.pack([module.spec(), chunks])
        return found

    def names(self) -> list[str]:
        """Names that can be required: built in and offered by installed packages."""
        offered = {point.name for point in _offered()}
        return sorted(
            {name for name in BUILT_IN if self.get(name)} | offered | {n for n, m in self._modules.items() if m}
        )

    def _index(self, module: Module) -> None:
        for function in module.all_functions():
            if function.handler is not None:
                self._functions[function.id.encode()] = function

    def _built_in(self, name: str) -> Module | None:
        path = f"wippy.modules.{name}"
        if importlib.util.find_spec(path) is None:
            return None
        room = importlib.import_module(path)
        for attribute in (name, "module"):
            found = getattr(room, attribute, None)
            if isinstance(found, Module):
                return found
        return None

    def _installed(self, name: str) -> Module | None:
        for point in _offered(name=name):
            offered = point.load()
            if not isinstance(offered, Module) or offered.name != name:
                raise WippyError(
                    "Invalid",
                    f"the entry point {point.value!r} of group {GROUP!r} does not give a Module named {name!r}; "
                    f"it gives {type(offered).__name__}",
                )
            return offered
        return None


def _offered(name: str | None = None) -> Any:
    from importlib.metadata import entry_points  # slow to load, and seldom needed

    return entry_points(group=GROUP) if name is None else entry_points(group=GROUP, name=name)
