"""The types of modules by name, made when first asked for."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wippy.lang.check.types import Type
    from wippy.modules.catalog import Catalog


class ModuleTypes:
    """What the checker knows of the modules; the catalog is read when the first name is asked for."""

    def __init__(self) -> None:
        self._types: dict[str, Type | None] = {}

    @cached_property
    def catalog(self) -> Catalog:
        from wippy.modules.catalog import Catalog

        return Catalog()

    def get(self, name: str) -> Type | None:
        """The type of the table that `require` gives, or None where there is no such module."""
        if name not in self._types:
            from wippy.modules.signature import module_type

            module = self.catalog.get(name)
            self._types[name] = None if module is None else module_type(module)
        return self._types[name]
