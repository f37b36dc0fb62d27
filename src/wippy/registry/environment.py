"""Environment variables of an application: names registered by entries, values kept in storages."""

from __future__ import annotations

import re

import msgspec

from ..errors import INVALID, NOT_FOUND, PERMISSION_DENIED, WippyError
from .entry import ID
from .env_storage import Storage

NAME = re.compile(r"[A-Za-z0-9_]+\Z")


class Variable(msgspec.Struct, frozen=True):
    """A registered variable.

    Args:
        id: of its entry.
        storage: entry of the storage.
        name: public name, empty where it has none.
        default: used when the storage has no value or an empty one; empty means none.
        readonly: refuses to be set.
    """

    id: ID
    storage: ID
    name: str = ""
    default: str = ""
    readonly: bool = False

    @property
    def key(self) -> str:
        """Key in the storage."""
        return self.name or str(self.id)


class Environment:
    """Looks variables up by public name or id."""

    def __init__(self) -> None:
        self.storages: dict[ID, Storage] = {}
        self._variables: dict[ID, Variable] = {}
        self._names: dict[str, ID] = {}
        self._saved: tuple[dict[ID, Storage], dict[ID, Variable], dict[str, ID]] | None = None

    async def begin(self) -> None:
        """Remembers what is registered, since a storage made anew would have lost its values."""
        self._saved = (dict(self.storages), dict(self._variables), dict(self._names))

    async def rollback(self) -> None:
        """Goes back to what was registered when the transaction began."""
        if self._saved is not None:
            self.storages, self._variables, self._names = self._saved

    def add(self, variable: Variable) -> str | None:
        """Registers a variable; a reason where it cannot be (unknown storage, name in use)."""
        if variable.storage not in self.storages:
            return f"environment storage backend not found: {variable.storage}"
        holder = self._names.get(variable.name) if variable.name else None
        if holder is not None and holder != variable.id:
            return f"variable name {variable.name} is already used by {holder}"
        self._variables[variable.id] = variable
        if variable.name:
            self._names[variable.name] = variable.id
        return None

    def remove(self, id_: ID) -> None:
        """Forgets a variable; nothing happens where it is not registered."""
        variable = self._variables.pop(id_, None)
        if variable is not None and self._names.get(variable.name) == id_:
            del self._names[variable.name]

    def variable(self, key: str, namespace: str = "") -> Variable:
        """The variable that `key` names: public name, full id, or a name in `namespace`.

        Raises:
            WippyError: NOT_FOUND.
        """
        id_ = self._names.get(key) or ID.parse(key)
        found = self._variables.get(id_)
        if found is None and not id_.ns and namespace:
            found = self._variables.get(ID(namespace, key))
        if found is None:
            raise WippyError(NOT_FOUND, f"environment variable not found: {key}")
        return found

    def get(self, key: str, namespace: str = "") -> str:
        """The value of a variable.

        Args:
            key: public name, full id, or a name in `namespace`.
            namespace: of the entry that asks.

        Raises:
            WippyError: INVALID `empty key`, NOT_FOUND not registered or without value, INTERNAL storage.
        """
        if not key:
            raise WippyError(INVALID, "empty key")
        variable = self.variable(key, namespace)
        value = self._storage(variable).get(variable.key) or variable.default
        if not value:
            raise WippyError(NOT_FOUND, f"environment variable not found: {key} has no value")
        return value

    def lookup(self, key: str, namespace: str = "") -> str | None:
        """`get`, None where the variable is not registered or has no value."""
        try:
            return self.get(key, namespace) if key else None
        except WippyError as error:
            if error.kind == NOT_FOUND:
                return None
            raise

    def set(self, key: str, value: str, namespace: str = "") -> None:
        """Sets a variable in its storage.

        Raises:
            WippyError: INVALID, NOT_FOUND, PERMISSION_DENIED, INTERNAL.
        """
        if not key:
            raise WippyError(INVALID, "empty key")
        variable = self.variable(key, namespace)
        if variable.readonly:
            raise WippyError(PERMISSION_DENIED, "environment variable is read-only")
        self._storage(variable).set(variable.key, value)

    def get_all(self) -> dict[str, str]:
        """Every key of every storage; defaults are not included."""
        out: dict[str, str] = {}
        for storage in self.storages.values():
            for key, value in storage.items().items():
                out.setdefault(key, value)
        return out

    def _storage(self, variable: Variable) -> Storage:
        storage = self.storages.get(variable.storage)
        if storage is None:
            raise WippyError(NOT_FOUND, f"environment storage backend not found: {variable.storage}")
        return storage
