"""What is known about a service."""

from __future__ import annotations

import msgspec

from ..registry.entry import ID

UNKNOWN = "unknown"
STARTING = "starting"
RUNNING = "running"
STOPPING = "stopping"
STOPPED = "stopped"
FAILED = "failed"
EXITED = "exited"


class State(msgspec.Struct, frozen=True):
    """The state of a service at one moment.

    Args:
        id: entry id.
        status: one of the constants of this module.
        desired: `running`, `stopped`, or `unknown` before anybody asked for either.
        retry_count: failures in a row without a stable run between them.
        started_at: when the last run began, nanoseconds since 1970; 0 before the first.
        last_update: when this state came about, nanoseconds since 1970.
        details: what is being done, or the last error.
    """

    id: ID
    status: str = UNKNOWN
    desired: str = UNKNOWN
    retry_count: int = 0
    started_at: int = 0
    last_update: int = 0
    details: str = ""

    def plain(self) -> dict[str, object]:
        """As data for code and events; `details` is left out where there are none."""
        out: dict[str, object] = {
            "id": str(self.id),
            "status": self.status,
            "desired": self.desired,
            "retry_count": self.retry_count,
            "started_at": self.started_at,
            "last_update": self.last_update,
        }
        if self.details:
            out["details"] = self.details
        return out
