"""What the control socket answers: processes, one process, figures."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from wippy import __version__
from wippy.errors import INVALID, NOT_FOUND, UNAVAILABLE, WippyError
from wippy.services.control_place import PROTOCOL
from wippy.services.system import System

STATES = ("ready", "running", "blocked", "idle")
ORDERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "mailbox": lambda row: -row["mailbox"],
    "reductions": lambda row: (-row["reductions"], -row["steps"]),
    "steps": lambda row: -row["steps"],
    "memory": lambda row: -row.get("memory", 0),
    "age": lambda row: row.get("started_at") or time.time_ns(),
}
"""The greatest come first, the oldest too."""


class Answers:
    """Answers requests about one application.

    Args:
        view: gives the application's figures, None while it boots.
    """

    def __init__(self, view: Callable[[], System | None]) -> None:
        self._view = view
        self._started = time.time_ns()

    def __call__(self, request: dict[str, Any]) -> Any:
        """Plain data. Raises WippyError."""
        name = request.get("request")
        known: dict[Any, Callable[[dict[str, Any]], Any]] = {
            "hello": self._hello,
            "processes": self._processes,
            "process": self._process,
            "figures": self._figures,
            "workflow": self._workflow,
        }
        if name not in known:
            raise WippyError(INVALID, f"unknown request {name!r}; known: {', '.join(known)}")
        return known[name](request)

    def _system(self) -> System:
        found = self._view()
        if found is None:
            raise WippyError(UNAVAILABLE, "the application is still starting")
        return found

    def _workflow(self, request: dict[str, Any]) -> Any:
        from wippy.services.workflow_desk import WorkflowDesk

        return WorkflowDesk(self._system().site)(request)

    def _hello(self, request: dict[str, Any]) -> dict[str, Any]:
        view = self._view()
        return {
            "protocol": PROTOCOL,
            "version": __version__,
            "os_pid": os.getpid(),
            "folder": os.getcwd(),
            "arguments": sys.argv[1:],
            "started_at": self._started,
            "node": view.cluster.id if view is not None else "",
        }

    def _processes(self, request: dict[str, Any]) -> dict[str, Any]:
        system = self._system()
        state, sort = request.get("state"), request.get("sort")
        if state is not None and state not in STATES:
            raise WippyError(INVALID, f"unknown state {state!r}; known: {', '.join(STATES)}")
        if sort is not None and sort not in ORDERS:
            raise WippyError(INVALID, f"unknown order {sort!r}; known: {', '.join(ORDERS)}")
        limit = max(int(request.get("limit") or 0), 0)
        options = {
            "entry": request.get("entry") or None,
            "state": state,
            "sort": sort,
            "limit": limit,
            "memory": bool(request.get("memory") or sort == "memory"),
            "calls": bool(request.get("calls")),
        }
        stations = system.all_stations(request.get("host") or None, home=options["calls"])
        rows, found, silent = system.inspection.processes(stations, options)
        order = ORDERS.get(sort or "")
        rows.sort(key=lambda row: (order(row) if order else row["host"], row.get("pid", ""), row["source"]))
        return {"rows": rows[:limit] if limit else rows, "total": found, "silent": silent}

    def _process(self, request: dict[str, Any]) -> dict[str, Any]:
        system = self._system()
        text = str(request.get("pid") or "")
        if not text:
            raise WippyError(INVALID, "which process?")
        try:
            return system.inspection.process(system.pids(text))
        except TimeoutError:
            raise WippyError(UNAVAILABLE, f"the worker of {text} does not answer: it is held by code") from None
        except WippyError as error:
            if error.kind == NOT_FOUND:
                raise WippyError(NOT_FOUND, f"process not found: {text}") from None
            raise

    def _figures(self, request: dict[str, Any]) -> dict[str, Any]:
        from wippy.modules.system import machine  # the module costs an import that most runs never need

        system = self._system()
        hosts = []
        for id, host in system.all_hosts():
            sums, silent = system.inspection.vitals(list(host.workers))
            tally = host.tally()
            hosts.append({**sums, **tally, "id": id, "state": host.state, "silent": silent})
        return {
            "time": time.monotonic_ns(),
            "now": time.time_ns(),
            "started_at": self._started,
            "hosts": hosts,
            "services": system.services(),
            "machine": {
                "os_pid": os.getpid(),
                "memory": machine.resident(),
                "cpu_seconds": machine.cpu_seconds(),
                "threads": threading.active_count(),
                "processors": machine.processors(),
            },
        }
