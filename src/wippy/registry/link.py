"""Filling the holes of modules: requirements get their values from dependencies."""

from __future__ import annotations

from typing import Any

from ..errors import INVALID, WippyError
from .change import append_path, set_path, text_form
from .entry import ID, Entry
from .lock import is_module_name
from .notice import Notice, raise_problems

REQUIREMENT = "ns.requirement"
DEPENDENCY = "ns.dependency"
MISSING = object()


class Parameter:
    """One value that a dependency gives."""

    __slots__ = ("component", "name", "namespace", "source", "value")

    def __init__(self, component: str, name: str, value: Any, source: ID) -> None:
        self.component = component
        self.namespace = component.replace("/", ".")
        self.name = name
        self.value = value
        self.source = source

    def fits(self, requirement: Entry) -> bool:
        """Whether it is meant for this requirement."""
        ns, colon, name = self.name.partition(":")
        of_module = requirement.meta.get("module") == self.component
        if not colon:
            return requirement.id.name == self.name and (requirement.id.ns == self.namespace or of_module)
        if requirement.id == ID(ns, name):
            return True
        return ns == self.namespace and requirement.id.name == name and of_module


def link(entries: list[Entry]) -> tuple[list[Entry], list[Notice]]:
    """The entries with the values of all requirements in place, and what could not be resolved.

    Raises:
        SourceError, Problems: INVALID, a requirement or dependency that cannot be read.
    """
    errors: list[WippyError] = []
    parameters: list[Parameter] = []
    requirements: list[tuple[Entry, list[tuple[str, str]]]] = []
    for entry in entries:
        if entry.kind == DEPENDENCY:
            parameters.extend(_parameters(entry, errors))
        elif entry.kind == REQUIREMENT:
            requirements.append((entry, _targets(entry, errors)))
    raise_problems(errors)
    if not requirements:
        return entries, []
    notices: list[Notice] = []
    chosen: list[tuple[Entry, list[tuple[str, str]], Any]] = []
    for requirement, targets in requirements:
        try:
            value = _value(requirement, parameters)
            if not targets:
                raise WippyError(INVALID, "no targets defined")
            chosen.append((requirement, targets, value))
        except WippyError as error:
            notices.append(_unresolved(requirement, error))
    out = list(entries)
    places: dict[ID, list[int]] = {}
    for number, entry in enumerate(out):
        places.setdefault(entry.id, []).append(number)
    for requirement, targets, value in chosen:
        for target, path in targets:
            try:
                found = places.get(ID.parse(target, requirement.id.ns))
                if not found:
                    raise WippyError(INVALID, f"no matching entries found for target {target}")
                for number in found:
                    out[number] = _inject(out[number], path, value)
            except WippyError as error:
                notices.append(_unresolved(requirement, error))
    return out, notices


def _inject(entry: Entry, path: str, value: Any) -> Entry:
    stripped = path.rstrip()
    if stripped.endswith("+="):
        return append_path(entry, stripped[:-2].strip(), value)
    return set_path(entry, stripped.strip(), value, kind=False)


def _value(requirement: Entry, parameters: list[Parameter]) -> Any:
    found = [parameter for parameter in parameters if parameter.fits(requirement)]
    if found:
        first = found[0]
        if any(not _same(parameter.value, first.value) for parameter in found[1:]):
            listed = ", ".join(f"{parameter.source}={text_form(parameter.value)}" for parameter in found)
            raise WippyError(INVALID, f"parameter conflict: multiple dependencies define different values: {listed}")
        return first.value
    data = requirement.data if isinstance(requirement.data, dict) else {}
    if "default" not in data:
        raise WippyError(INVALID, "no value: no dependency gives a parameter for it and it has no default")
    return data["default"]


def _same(a: Any, b: Any) -> bool:
    return isinstance(a, bool) == isinstance(b, bool) and a == b


def _unresolved(requirement: Entry, error: WippyError) -> Notice:
    return Notice("warn", "unresolved requirement", {"requirement": str(requirement.id), "error": error.message})


def _parameters(entry: Entry, errors: list[WippyError]) -> list[Parameter]:
    data = entry.data if isinstance(entry.data, dict) else {}
    component = data.get("component")
    if not is_module_name(component):
        errors.append(entry.error(f'component "{component or ""}" is not org/module', "component"))
        return []
    out: list[Parameter] = []
    for number, item in enumerate(_items(entry, "parameters", errors)):
        name = item.get("name")
        if not isinstance(name, str) or not name:
            errors.append(entry.error("a parameter needs a name that is text", "parameters", number, "name"))
            continue
        out.append(Parameter(str(component), name, item.get("value"), entry.id))
    return out


def _targets(entry: Entry, errors: list[WippyError]) -> list[tuple[str, str]]:
    out: list[tuple[str, str]] = []
    for number, item in enumerate(_items(entry, "targets", errors)):
        target, path = item.get("entry"), item.get("path")
        if not isinstance(target, str) or not target or not isinstance(path, str) or not path:
            errors.append(entry.error("a target needs entry and path, both text", "targets", number))
            continue
        out.append((target, path))
    return out


def _items(entry: Entry, key: str, errors: list[WippyError]) -> list[dict[Any, Any]]:
    data = entry.data
    if data is None:
        return []
    if not isinstance(data, dict):
        errors.append(entry.error(f"failed to unmarshal config: data of {entry.kind} must be a mapping"))
        return []
    value = data.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        errors.append(entry.error(f"failed to unmarshal config: {key} must be a list", key))
        return []
    for number, item in enumerate(value):
        if not isinstance(item, dict):
            errors.append(entry.error(f"failed to unmarshal config: {key}[{number}] must be a mapping", key, number))
    return [item for item in value if isinstance(item, dict)]
