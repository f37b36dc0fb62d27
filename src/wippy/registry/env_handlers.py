"""Handlers of the kinds `env.storage.*` and `env.variable`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import msgspec

from ..errors import INVALID, NOT_FOUND
from .decode import decode
from .entry import ID, Entry
from .env_storage import FileStorage, MemoryStorage, RouterStorage, StaticStorage, Storage
from .environment import NAME, Environment, Variable
from .notice import Notice
from .store import Registry


class StaticConfig(msgspec.Struct):
    """Keys of `env.storage.static`."""

    values: dict[str, str] = {}


class FileConfig(msgspec.Struct):
    """Keys of `env.storage.file`; modes are integers (octal in YAML) or octal text."""

    file_path: str = ""
    auto_create: bool = False
    file_mode: int | str = 0o644
    dir_mode: int | str = 0o755

    def __post_init__(self) -> None:
        if not self.file_path:
            raise ValueError("file path must not be empty")
        self.file_mode = mode("file_mode", self.file_mode)
        self.dir_mode = mode("dir_mode", self.dir_mode)


class RouterConfig(msgspec.Struct):
    """Keys of `env.storage.router`."""

    storages: list[str] = []

    def __post_init__(self) -> None:
        if not self.storages:
            raise ValueError("storages must name at least one storage")


class VariableConfig(msgspec.Struct):
    """Keys of `env.variable`."""

    storage: str = ""
    variable: str = ""
    default: str = ""
    readonly: bool = False

    def __post_init__(self) -> None:
        storage = ID.parse(self.storage)
        if not storage.ns or not storage.name:
            raise ValueError("storage must be a full id (namespace:name)")
        if self.variable and not NAME.match(self.variable):
            raise ValueError(f'variable "{self.variable}" may only hold letters, digits and _')


def mode(name: str, value: int | str) -> int:
    """A file mode; text is octal. Raises ValueError."""
    if isinstance(value, int):
        return value
    try:
        return int(value.removeprefix("0o"), 8)
    except ValueError:
        raise ValueError(f"{name} must be octal, such as 0644") from None


class StorageHandler:
    """Makes the storage of an entry; updating it makes a new one.

    Args:
        environment: what the storages belong to.
        make: the storage of an entry; raises WippyError.
    """

    def __init__(self, environment: Environment, make: Callable[[Environment, Entry], Storage]) -> None:
        self.environment = environment
        self.make = make

    async def create(self, entry: Entry) -> None:
        self.environment.storages[entry.id] = self.make(self.environment, entry)

    async def update(self, entry: Entry, old: Entry) -> None:
        await self.create(entry)

    async def delete(self, entry: Entry) -> None:
        self.environment.storages.pop(entry.id, None)


def make_memory(environment: Environment, entry: Entry) -> Storage:
    """A storage that starts empty."""
    return MemoryStorage()


def make_os(environment: Environment, entry: Entry) -> Storage:
    """A live view of the environment of this process."""
    return StaticStorage(os.environ)


def make_static(environment: Environment, entry: Entry) -> Storage:
    """Fixed values."""
    return StaticStorage(decode(entry, StaticConfig, env=environment.lookup).values)


def make_file(environment: Environment, entry: Entry) -> Storage:
    """A file; a relative path resolves against the working directory."""
    config = decode(entry, FileConfig, env=environment.lookup)
    return FileStorage(
        os.path.abspath(config.file_path),
        auto_create=config.auto_create,
        file_mode=mode("file_mode", config.file_mode),
        dir_mode=mode("dir_mode", config.dir_mode),
    )


def make_router(environment: Environment, entry: Entry) -> Storage:
    """Several storages, each of which exists already."""
    members: list[Storage] = []
    for number, text in enumerate(decode(entry, RouterConfig, env=environment.lookup).storages):
        id_ = ID.parse(text)
        if not id_.ns or not id_.name:
            raise entry.error(
                f'invalid configuration: storage "{text}" must be a full id', "storages", number, kind=INVALID
            )
        found = environment.storages.get(id_)
        if found is None:
            raise entry.error(f"storage {id_} not found", "storages", number, kind=NOT_FOUND)
        members.append(found)
    return RouterStorage(members)


class VariableHandler:
    """Registers variables.

    Args:
        environment: what the variables belong to.
        notice: takes what is to be logged.
    """

    def __init__(self, environment: Environment, notice: Callable[[Notice], None] | None = None) -> None:
        self.environment = environment
        self.notice = notice or (lambda _: None)

    async def create(self, entry: Entry) -> None:
        variable = self._variable(entry)
        self._add(variable)

    async def update(self, entry: Entry, old: Entry) -> None:
        variable = self._variable(entry)
        self.environment.remove(old.id)
        self._add(variable)

    async def delete(self, entry: Entry) -> None:
        self.environment.remove(entry.id)

    def _variable(self, entry: Entry) -> Variable:
        config = decode(entry, VariableConfig, env=self.environment.lookup)
        return Variable(entry.id, ID.parse(config.storage), config.variable, config.default, config.readonly)

    def _add(self, variable: Variable) -> None:
        reason = self.environment.add(variable)
        if reason:
            self.notice(
                Notice("warn", "environment variable not registered", {"entry": str(variable.id), "error": reason})
            )


STORAGES: dict[str, Any] = {
    "env.storage.memory": make_memory,
    "env.storage.os": make_os,
    "env.storage.static": make_static,
    "env.storage.file": make_file,
    "env.storage.router": make_router,
}


def register_environment(
    registry: Registry, environment: Environment, notice: Callable[[Notice], None] | None = None
) -> None:
    """Registers the handlers of all environment kinds."""
    registry.participate(environment)
    for kind, make in STORAGES.items():
        registry.register(kind, StorageHandler(environment, make))
    registry.register("env.variable", VariableHandler(environment, notice))
