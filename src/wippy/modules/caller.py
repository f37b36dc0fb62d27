"""What a module function knows about who calls it and what it may reach."""

from __future__ import annotations

from typing import Any, Protocol


class Unit(Protocol):
    """The running function, process or workflow; made by the kernel's host."""

    @property
    def pid(self) -> str: ...

    @property
    def entry(self) -> str:
        """ID of the running entry."""
        ...

    @property
    def frame(self) -> Any:
        """Actor, scope and values of the call."""
        ...

    @property
    def workflow(self) -> bool: ...

    def now_ns(self) -> int:
        """Wall clock in nanoseconds; in a workflow the time of the task."""
        ...

    def entropy(self, size: int) -> bytes:
        """Random bytes; in a workflow from the seed recorded with the run."""
        ...


class Environment(Protocol):
    """The variables of the application."""

    def get(self, name: str, namespace: str = "") -> str:
        """The value. Raises WippyError: NOT_FOUND."""
        ...

    def set(self, name: str, value: str, namespace: str = "") -> None:
        """Raises WippyError: NOT_FOUND, PERMISSION_DENIED for read-only ones."""
        ...

    def get_all(self) -> dict[str, str]:
        """Every key of every storage."""
        ...


class Registry(Protocol):
    """The entries of the application."""

    def get(self, id_: Any, /) -> Any:
        """The entry (id, kind, meta, data) or None."""
        ...

    def find(self, criteria: dict[Any, Any], /) -> list[Any]:
        """Entries that fit a filter, by ascending id."""
        ...


class Services(Protocol):
    """What the application offers to modules."""

    @property
    def registry(self) -> Any:
        """The entries: `get(id)`, `find(filter)`."""
        ...

    @property
    def environment(self) -> Any:
        """The variables: `get(name, namespace)`, `set(name, value, namespace)`, `get_all()`."""
        ...

    def resource(self, id: str) -> Any:
        """The live object behind an entry. Raises WippyError: NOT_FOUND."""
        ...

    def permitted(self, frame: Any, action: str, resource: str, meta: dict[str, Any] | None) -> bool:
        """Whether the actor and scope of a frame allow an action."""
        ...

    def log(self, level: str, name: str, message: str, fields: dict[str, Any], unit: Unit) -> None:
        """One record; level is debug, info, warn or error. Must not wait."""
        ...


class Call:
    """One call of a module function."""

    __slots__ = ("_handles", "services", "unit")

    def __init__(self, services: Services, unit: Unit, handles: Any) -> None:
        self.services: Any = services
        self.unit = unit
        self._handles = handles

    @property
    def pid(self) -> str:
        return self.unit.pid

    @property
    def entry(self) -> str:
        """ID of the running entry."""
        return self.unit.entry

    @property
    def namespace(self) -> str:
        """Namespace of the running entry."""
        return self.unit.entry.partition(":")[0]

    @property
    def frame(self) -> Any:
        return self.unit.frame

    @property
    def workflow(self) -> bool:
        return self.unit.workflow

    @property
    def registry(self) -> Registry:
        return self.services.registry

    @property
    def environment(self) -> Environment:
        return self.services.environment

    def now_ns(self) -> int:
        return self.unit.now_ns()

    def entropy(self, size: int) -> bytes:
        return self.unit.entropy(size)

    def resource(self, id: str) -> Any:
        """The live object behind an entry. Raises WippyError: NOT_FOUND."""
        return self.services.resource(id)

    def keep(self, held: Any) -> None:
        """Closes `held` when the caller ends."""
        self._handles.add(self.unit.pid, held)

    def drop(self, held: Any) -> None:
        """Forgets an object of the caller, which has been closed."""
        self._handles.drop(self.unit.pid, held)

    def permit(self, action: str, resource: str, meta: dict[str, Any] | None = None) -> bool:
        """Whether the caller may do `action` on `resource`."""
        return self.services.permitted(self.unit.frame, action, resource, meta)

    def log(self, level: str, name: str, message: str, fields: dict[str, Any]) -> None:
        self.services.log(level, name, message, fields, self.unit)
