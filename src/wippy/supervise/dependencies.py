"""Which services a service needs, and the order that follows."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping

from ..errors import INVALID, WippyError
from ..registry.entry import ID

Graph = Mapping[ID, set[ID]]
"""Each service with the services it needs."""


def needed_by(
    id: ID, required: Iterable[ID], references: Callable[[ID], Iterable[ID]], services: Container[ID]
) -> tuple[set[ID], list[ID]]:
    """The services an entry needs directly.

    Args:
        id: the service.
        required: what its lifecycle requires.
        references: the entries an entry names.
        services: ids that are services; entries that are none are followed to what they name.

    Returns:
        The services, and those of `required` that lead to none.
    """
    found: set[ID] = set()
    missing: list[ID] = []
    for target in required:
        reached = {target} if target in services else _reach([target], references, services)
        found |= reached
        if not reached:
            missing.append(target)
    found |= _reach(references(id), references, services) - {id}
    return found, missing


def _reach(start: Iterable[ID], references: Callable[[ID], Iterable[ID]], services: Container[ID]) -> set[ID]:
    out: set[ID] = set()
    seen: set[ID] = set()
    waiting = list(start)
    while waiting:
        id = waiting.pop()
        if id in seen:
            continue
        seen.add(id)
        if id in services:
            out.add(id)
        else:
            waiting.extend(references(id))
    return out


def closure(ids: Iterable[ID], edges: Callable[[ID], Iterable[ID]]) -> set[ID]:
    """The ids and everything that can be reached from them."""
    out: set[ID] = set()
    waiting = list(ids)
    while waiting:
        id = waiting.pop()
        if id not in out:
            out.add(id)
            waiting.extend(edges(id))
    return out


def levels(graph: Graph) -> list[list[ID]]:
    """The services in groups: each needs only services of earlier groups. Needs outside the graph do not count.

    Raises:
        WippyError: INVALID, naming a cycle.
    """
    waiting = {id: {need for need in needs if need in graph} for id, needs in graph.items()}
    out: list[list[ID]] = []
    while waiting:
        free = sorted(id for id, needs in waiting.items() if not needs)
        if not free:
            cycle = " -> ".join(str(id) for id in _cycle(waiting))
            raise WippyError(INVALID, f"circular dependency between services: {cycle}")
        out.append(free)
        for id in free:
            del waiting[id]
        for needs in waiting.values():
            needs.difference_update(free)
    return out


def _cycle(graph: Graph) -> list[ID]:
    path: list[ID] = []
    id = min(graph)
    while id not in path:
        path.append(id)
        id = min(graph[id])
    return [*path[path.index(id) :], id]
