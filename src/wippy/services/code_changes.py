"""The code of an application through a change of the registry: all of it counts at once, or none."""

from __future__ import annotations

from typing import cast

import msgspec

from wippy.kernel.station import Station
from wippy.services.site import Site
from wippy.services.type_gate import TypeGate
from wippy.units.code import Change


class CodeChanges:
    """Brings what handlers put into the code store into force when their transaction is over.

    Args:
        site: the application.
        types: the gate of all Lua code.
    """

    def __init__(self, site: Site, types: TypeGate) -> None:
        self._site = site
        self._types = types

    async def begin(self) -> None:
        self._site.runtime.code.begin()
        self._types.begin()

    async def commit(self) -> None:
        """The code fits together; types are checked again where something imported has changed.

        Raises:
            WippyError: CONFLICT, an entry is gone that others import; INVALID, type errors.
        """
        self._site.runtime.code.verify()
        if self._types.strict:
            self._types.settle(self._site.runtime.code.dependents())

    async def rollback(self) -> None:
        self._site.runtime.code.rollback()
        self._types.rollback()

    async def committed(self) -> None:
        self._tell(self._site.runtime.code.commit())

    def _tell(self, change: Change) -> None:
        """From the next use on, everybody takes the newest code; processes that asked for it are told."""
        if change.affected:
            site, router = self._site, self._site.runtime.router
            packed = msgspec.msgpack.encode(change)
            workers = [cast(Station, worker) for worker in router.workers.values()]
            site.outdated = [router.request("invalidate", "", packed, target=worker) for worker in workers]
            for host in site.workflow_hosts.values():
                host.code_changed(change.affected)
