"""Kind `db.sql.sqlite`: an SQLite database as a resource."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from wippy.errors import INVALID, WippyError
from wippy.registry.decode import Duration, decode
from wippy.registry.entry import Entry
from wippy.registry.lifecycle import Lifecycle
from wippy.services.site import Site

if TYPE_CHECKING:
    from wippy.modules.sql.database import Database


class PoolBlock(msgspec.Struct):
    """The `pool` block; only the lifetime has a meaning for one connection."""

    max_lifetime: Duration = Duration(0)


class SqliteEntry(msgspec.Struct):
    """Data of a database entry."""

    file: str = ""
    pool: PoolBlock = msgspec.field(default_factory=PoolBlock)
    options: dict[str, Any] = {}
    lifecycle: Lifecycle = msgspec.field(default_factory=Lifecycle)


class DatabaseService:
    """The database under supervision: usable as soon as it is loaded, closed when it stops."""

    def __init__(self, database: Database, stop_timeout: float) -> None:
        self.database = database
        self._stop_timeout = stop_timeout

    async def start(self, ended: Any) -> str | None:
        return None

    async def stop(self) -> None:
        await self.database.stop(self._stop_timeout * 0.9)


class SqliteHandler:
    """Opens databases when their entries are registered."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def create(self, entry: Entry) -> None:
        from wippy.modules.sql.database import Database

        config = decode(entry, SqliteEntry, env=self._site.read_variable)
        if not config.file:
            raise entry.error("file path is required", hint="give file: a path, or :memory:")
        path = config.file if config.file == ":memory:" else str(Path(self._site.folder) / config.file)
        try:
            database = Database.open(path, name=str(entry.id))
        except WippyError as error:
            raise entry.error(error.message, "file", kind=INVALID) from None
        self._site.resources[str(entry.id)] = database
        self._site.supervisor.register(
            entry.id, DatabaseService(database, config.lifecycle.stop_timeout / 1e9), config.lifecycle
        )

    async def update(self, entry: Entry, old: Entry) -> None:
        if entry.data == old.data:
            return
        before = self._site.resources.get(str(entry.id))
        await self.create(entry)
        if before is not None:
            before.accepting = False

    async def delete(self, entry: Entry) -> None:
        self._site.resources.pop(str(entry.id), None)
        await self._site.supervisor.unregister(entry.id)
