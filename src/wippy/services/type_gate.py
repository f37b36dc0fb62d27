"""Strict typing: entries with type errors are refused when they are registered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wippy.errors import SourceError
from wippy.modules.module_types import ModuleTypes

if TYPE_CHECKING:
    from wippy.lang.check.checker import Interface
    from wippy.registry.config import Config
    from wippy.units.code import LuaCode

_ALWAYS = ("channel", "process", "payload")


class TypeGate:
    """Checks code when `lua.type_system.strict` is true.

    Args:
        config: of the application.
    """

    def __init__(self, config: Config) -> None:
        self.strict = config.get("lua.type_system.strict", False) is True
        self._interfaces: dict[str, Interface] = {}
        self._codes: dict[str, LuaCode] = {}
        self._before: tuple[dict[str, Interface], dict[str, LuaCode]] = ({}, {})
        self._again: list[LuaCode] = []
        self._modules = ModuleTypes()

    def begin(self) -> None:
        """A change of the registry begins."""
        self._before = dict(self._interfaces), dict(self._codes)
        self._again = []

    def rollback(self) -> None:
        """It failed."""
        self._interfaces, self._codes = self._before

    def admit(self, code: LuaCode) -> None:
        """Lets code without type errors pass, and remembers its types for those that import it.

        Code that was there before the change is checked at the end only: here it may be on its way back.

        Raises:
            SourceError: INVALID, `type errors in <id>: <line>:<col> <message>; …`.
        """
        if not self.strict:
            return
        if self._before[1].get(code.id) == code:
            self._again.append(code)
        else:
            self._check(code)

    def settle(self, dependents: list[LuaCode]) -> None:
        """Checks what the change left alone or put in its own place, when what it imports may be different.

        Args:
            dependents: entries that import changed ones, imported ones first.

        Raises:
            SourceError: INVALID.
        """
        if self.strict:
            for code in (*self._again, *dependents):
                self._check(code, "; an entry that it imports has changed")

    def _check(self, code: LuaCode, why: str = "") -> None:
        from wippy.lang.check.checker import check_source
        from wippy.lang.check.diagnostic import PARSE

        names = {name: name for name in (*_ALWAYS, *code.modules)}
        plain = {alias: target.removeprefix(":") for alias, target in code.imports.items()}
        names.update({alias: target for alias, target in plain.items() if ":" not in target})
        modules = {alias: found for alias, name in names.items() if (found := self._modules.get(name)) is not None}
        libraries = {
            alias: self._interfaces[target] for alias, target in code.imports.items() if target in self._interfaces
        }
        found, _, interface = check_source(code.source, code.id, modules=modules, libraries=libraries)
        bad = [each for each in found if each.rejects and each.code != PARSE]
        if bad:
            text = "; ".join(f"{each.line}:{each.column} {each.message}" for each in bad)
            lines = code.source.replace("\r\n", "\n").split("\n")
            line = bad[0].line
            raise SourceError(
                f"type errors in {code.id}: {text}{why}",
                file=code.file or code.id,
                line=line,
                column=bad[0].column,
                text=lines[line - 1] if line is not None and line <= len(lines) else None,
            )
        if interface is not None:
            self._interfaces[code.id] = interface
            self._codes[code.id] = code

    def forget(self, id: str) -> None:
        """An entry is gone."""
        self._interfaces.pop(id, None)
        self._codes.pop(id, None)
