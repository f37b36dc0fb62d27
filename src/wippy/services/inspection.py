"""Asks the VMs of an application about what runs in them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import Future
from typing import Any

from wippy.errors import LIMIT_EXCEEDED, NOT_FOUND, WippyError
from wippy.kernel import codec
from wippy.units.router import Router

WAIT = 2.0
"""Seconds after which a VM that does not answer is left out."""


class Inspection:
    """Waits for answers: for threads other than the event loop's and the workers'."""

    def __init__(self, router: Router) -> None:
        self._router = router

    def processes(
        self, stations: Iterable[Any], options: dict[str, Any], wait: float = WAIT
    ) -> tuple[list[dict[str, Any]], int, int]:
        """Processes that live in VMs.

        Args:
            stations: workers and cells.
            options: entry (an ID, a name, or a beginning with `*`), state, sort (mailbox, reductions, steps, memory,
                age), limit (of each VM; 0 for all), memory (whether to estimate it), calls (function calls too).
            wait: seconds.

        Returns:
            Rows in no order, the number of processes that fit, and the number of VMs that did not answer, or have no
            memory left to look into them.
        """
        packed = codec.pack([options])[1:]
        deadline = time.monotonic() + wait
        rows: list[dict[str, Any]] = []
        found = silent = 0
        asked = [(station, self._page(station, 0, packed)) for station in stations]
        while asked:
            further = []
            for station, future in asked:
                try:
                    listing, page, fits = future.result(max(0.0, deadline - time.monotonic()))
                except TimeoutError:
                    silent += 1
                    continue
                except WippyError as error:
                    silent += error.kind == LIMIT_EXCEEDED  # else the VM has ended
                    continue
                rows += page
                if listing:
                    further.append((station, self._page(station, listing, packed)))
                else:
                    found += fits
            asked = further
        return rows, found, silent

    def _page(self, station: Any, listing: int, packed: bytes) -> Future[list[Any]]:
        return self._router.request("inspect", "", listing, "", "", packed, target=station)

    def process(self, pids: Iterable[str], wait: float = WAIT) -> dict[str, Any]:
        """The first of several possible processes that there is, in detail.

        Raises:
            WippyError: NOT_FOUND; LIMIT_EXCEEDED when its VM has no memory left to look into it.
            TimeoutError: its worker does not answer.
        """
        futures = [self._router.request("examine", pid, "", "", "", b"") for pid in pids]
        problem = WippyError(NOT_FOUND, "process not found")
        for future in futures:
            try:
                return future.result(wait)[0]
            except WippyError as error:
                if error.kind == LIMIT_EXCEEDED:
                    problem = error
        raise problem

    def vitals(self, stations: Iterable[Any], wait: float = WAIT) -> tuple[dict[str, int], int]:
        """Sums of the VMs' own figures, and the number of VMs that did not answer."""
        deadline = time.monotonic() + wait
        futures = [self._router.request("vitals", "", "", "", "", b"", target=station) for station in stations]
        sums: dict[str, int] = {}
        silent = 0
        for future in futures:
            try:
                figures = future.result(max(0.0, deadline - time.monotonic()))[0]
            except TimeoutError:
                silent += 1
                continue
            except WippyError:
                continue
            for name, value in figures.items():
                sums[name] = sums.get(name, 0) + value
        return sums, silent

    def profile(self, stations: Iterable[Any], seconds: float) -> dict[str, int]:
        """Where code uses up its turns: reductions by stack (`outer:line;inner:line`), of all VMs."""
        stations = list(stations)
        length = int((seconds + WAIT) * 1e9)
        self._all("profile", stations, length, WAIT)
        time.sleep(seconds)
        sums: dict[str, int] = {}
        for (found,) in self._all("profile", stations, 0, WAIT):
            for stack, reductions in (found or {}).items():
                sums[stack] = sums.get(stack, 0) + reductions
        return sums

    def _all(self, op: str, stations: Iterable[Any], argument: Any, wait: float) -> list[list[Any]]:
        """Answers of those that give one in time."""
        futures = [self._router.request(op, "", argument, "", "", b"", target=station) for station in stations]
        deadline = time.monotonic() + wait
        out = []
        for future in futures:
            try:
                out.append(future.result(max(0.0, deadline - time.monotonic())))
            except (TimeoutError, WippyError):
                continue
        return out

    def collect(self, stations: Iterable[Any]) -> None:
        """Asks VMs to collect their garbage; does not wait."""
        for station in stations:
            station.post(["collect", "", 0, 0, "", "", "", b""])
