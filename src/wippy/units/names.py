"""Registered names of processes: local to the node, one holder each."""

from __future__ import annotations

import threading


class Names:
    """Thread-safe map from names to PIDs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders: dict[bytes, bytes] = {}
        self._names: dict[bytes, set[bytes]] = {}

    def register(self, name: bytes, pid: bytes) -> bytes:
        """Gives the name to the PID unless another holds it; returns the holder."""
        with self._lock:
            holder = self._holders.setdefault(name, pid)
            if holder == pid:
                self._names.setdefault(pid, set()).add(name)
            return holder

    def holder(self, name: bytes) -> bytes | None:
        """The PID that holds the name, or None."""
        return self._holders.get(name)

    def unregister(self, name: bytes) -> bool:
        """Frees a name; False if nobody held it."""
        with self._lock:
            pid = self._holders.pop(name, None)
            if pid is None:
                return False
            self._names.get(pid, set()).discard(name)
            return True

    def release(self, pid: bytes) -> None:
        """Frees all names of a PID."""
        with self._lock:
            for name in self._names.pop(pid, ()):
                if self._holders.get(name) == pid:
                    del self._holders[name]
