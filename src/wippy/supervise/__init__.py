"""What keeps running: services, their order, restarts and shutdown."""

from __future__ import annotations

from .clock import Clock, SystemClock
from .service import Ended, Service
from .state import EXITED, FAILED, RUNNING, STARTING, STOPPED, STOPPING, UNKNOWN, State
from .supervisor import Supervisor

__all__ = [
    "EXITED",
    "FAILED",
    "RUNNING",
    "STARTING",
    "STOPPED",
    "STOPPING",
    "UNKNOWN",
    "Clock",
    "Ended",
    "Service",
    "State",
    "Supervisor",
    "SystemClock",
]
