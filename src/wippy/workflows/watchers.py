"""Who waits for the ends of workflows at one worker: processes that watch them, and callers of `exec`."""

from __future__ import annotations

import threading
from collections.abc import Callable

import msgspec

from wippy.workflows.provider import Provider, Result

MONITOR, LINK = "monitor", "link"
_ORDER = (MONITOR, LINK)

Tell = Callable[[str, str, str, Result], None]
"""(kind, watcher, PID as it watches it, result)"""


class _Watch(msgspec.Struct, eq=False):
    """What one watcher wants of one run.

    Attributes:
        kinds: `monitor` and `link` -> PID as it watches it.
        answer: of a caller who waits for the result.
    """

    run_id: str | None
    kinds: dict[str, str]
    answer: Callable[[Result], None] | None = None
    handle: int | None = None


class Watchers:
    """Who waits for what. Thread-safe.

    Args:
        tell: brings the end of a workflow to a watcher; the monitor's event comes before the link's.
    """

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._open: dict[tuple[str, str], list[_Watch]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._open.values()))

    def add(
        self,
        provider: Provider,
        kinds: dict[str, str],
        watcher: str,
        workflow_id: str,
        run_id: str | None = None,
        started: bool = False,
    ) -> None:
        """Begins to watch; what is watched already stays as it is.

        Args:
            kinds: `monitor` and `link`, with the PID as the watcher knows it.
            run_id: the run to watch, None = the newest.
            started: the run is new, so no watch of an earlier one stands for it.
        """
        key = (watcher, workflow_id)
        with self._lock:
            found = self._open.setdefault(key, [])
            if not started:
                kinds = {k: pid for k, pid in kinds.items() if not any(k in one.kinds for one in found)}
                if found:
                    found[-1].kinds.update(kinds)
                    return
            watch = _Watch(run_id, dict(kinds))
            found.append(watch)
        self._begin(provider, key, watch)

    def wait(self, provider: Provider, workflow_id: str, run_id: str, answer: Callable[[Result], None]) -> None:
        """Calls back with the end of a run."""
        key, watch = ("", workflow_id), _Watch(run_id, {}, answer)
        with self._lock:
            self._open.setdefault(key, []).append(watch)
        self._begin(provider, key, watch)

    def _begin(self, provider: Provider, key: tuple[str, str], watch: _Watch) -> None:
        watch.handle = provider.watch(key[1], watch.run_id, lambda result: self._closed(key, watch, result))

    def resume(self, provider: Provider) -> None:
        """A provider that has been started again knows nobody."""
        with self._lock:
            found = [(key, watch) for key, watches in self._open.items() for watch in watches]
        for key, watch in found:
            self._begin(provider, key, watch)

    def drop(self, provider: Provider, kind: str, watcher: str, workflow_id: str) -> None:
        """The watcher wants to know no more; no event comes after this."""
        with self._lock:
            found = self._open.get((watcher, workflow_id), [])
            for watch in found:
                watch.kinds.pop(kind, None)
            idle = [watch for watch in found if not watch.kinds]
            for watch in idle:
                self._remove((watcher, workflow_id), watch)
        for watch in idle:
            if watch.handle is not None:
                provider.unwatch(watch.handle)

    def _remove(self, key: tuple[str, str], watch: _Watch) -> bool:
        found = self._open.get(key, [])
        if watch not in found:
            return False
        found.remove(watch)
        if not found:
            del self._open[key]
        return True

    def _closed(self, key: tuple[str, str], watch: _Watch, result: Result) -> None:
        with self._lock:
            if not self._remove(key, watch):
                return
        if watch.answer is not None:
            watch.answer(result)
        for kind in _ORDER:
            if kind in watch.kinds:
                self._tell(kind, key[0], watch.kinds[kind], result)
