"""Which other entries an entry names: what it must be applied after."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .entry import ID, Entry

PATHS = (
    *("meta.parent", "meta.server", "meta.router", "meta.*_env"),
    *("meta.temporal.activity.worker", "meta.temporal.workflow.worker"),
    *("data.config", "data.client", "data.imports.*", "data.*.depends_on"),
    *("data.lifecycle.requires", "data.lifecycle.depends_on"),
    *("data.lifecycle.security.policies", "data.lifecycle.security.groups"),
    *("data.security.policies", "data.security.groups", "data.security.token_store", "data.token_store"),
    *("data.server", "data.middleware", "data.post_middleware", "data.network", "data.tls.*_env", "data.auth.*_env"),
    *("data.host", "data.process", "data.func", "data.fs", "data.set", "data.env", "data.*_env"),
    *("data.storage", "data.storages", "data.driver", "data.dead_letter.queue", "data.queue"),
    *("data.store", "data.database", "data.bucket", "data.provider"),
    *("data.contracts.*.contract", "data.contracts.*.methods.*"),
)

PLACEHOLDER = re.compile(r"\$\$\{|\$\{env:([^}|]+)(?:\|[^}]*)?\}|\$\{([A-Z0-9_]+)\|[^}]*\}")


class _Step:
    """One level of the table of paths: exact keys, any key (`*`), keys by their ending (`*_env`)."""

    __slots__ = ("any", "endings", "keys", "leaf")

    def __init__(self) -> None:
        self.keys: dict[str, _Step] = {}
        self.any: _Step | None = None
        self.endings: dict[str, _Step] = {}
        self.leaf = False

    def add(self, parts: list[str]) -> None:
        if not parts:
            self.leaf = True
            return
        head = parts[0]
        if head == "*":
            self.any = step = self.any or _Step()
        elif head.startswith("*"):
            step = self.endings.setdefault(head[1:], _Step())
        else:
            step = self.keys.setdefault(head, _Step())
        step.add(parts[1:])

    def walk(self, value: Any) -> Iterator[Any]:
        if self.leaf:
            yield from _values(value)
        if isinstance(value, dict):
            for key, item in value.items():
                step = self.keys.get(key)
                if step is not None:
                    yield from step.walk(item)
                for ending, step in self.endings.items():
                    if isinstance(key, str) and key.endswith(ending):
                        yield from step.walk(item)
                if self.any is not None:
                    yield from self.any.walk(item)
        elif isinstance(value, list) and self.any is not None:
            for item in value:
                yield from self.any.walk(item)


def _table() -> _Step:
    root = _Step()
    for path in PATHS:
        root.add(path.split("."))
    return root


_META = _table().keys["meta"]
_DATA = _table().keys["data"]


def _values(value: Any) -> Iterator[Any]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        yield from (item for item in value if isinstance(item, str))
    elif isinstance(value, dict):
        if isinstance(value.get("ns"), str) and isinstance(value.get("name"), str):
            yield ID(value["ns"], value["name"])
        else:
            yield from (item for item in value.values() if isinstance(item, str))


class References:
    """What an entry names.

    Attributes:
        ids: entries named directly.
        groups: names of groups (`group:G` in `meta.depends_on`).
        namespaces: whole namespaces (`ns:NS` in `meta.depends_on`).
        names: public names of variables.
    """

    __slots__ = ("groups", "ids", "names", "namespaces")

    def __init__(self, entry: Entry) -> None:
        self.ids: set[ID] = set()
        self.groups: set[str] = set()
        self.namespaces: set[str] = set()
        self.names: set[str] = set()
        ns = entry.id.ns
        depends_on = entry.meta.get("depends_on")
        for text in [depends_on] if isinstance(depends_on, str) else depends_on if isinstance(depends_on, list) else ():
            if isinstance(text, str):
                self._depends_on(text, ns)
        if entry.meta:
            self._collect(_META.walk(entry.meta), ns)
        data = entry.data
        if isinstance(data, dict):
            imports = data.get("imports")
            if isinstance(imports, dict):
                rest = {key: value for key, value in data.items() if key != "imports"}
                self._collect(_DATA.walk(rest), ns)
                self._imports(imports)
            else:
                self._collect(_DATA.walk(data), ns)
            self._placeholders(data, ns)

    def _depends_on(self, text: str, ns: str) -> None:
        if text.startswith("group:"):
            self.groups.add(text[len("group:") :])
        elif text.startswith("ns:"):
            self.namespaces.add(text[len("ns:") :])
        else:
            self.ids.add(ID.parse(text, ns))

    def _imports(self, imports: dict[Any, Any]) -> None:
        for value in imports.values():
            for found in _values(value) if isinstance(value, dict) else (value,):
                target = ID.parse(found) if isinstance(found, str) else found
                if isinstance(target, ID) and target.ns:
                    self.ids.add(target)

    def _collect(self, values: Iterator[Any], ns: str) -> None:
        for value in values:
            if isinstance(value, ID):
                self.ids.add(value)
            else:
                self.ids.add(ID.parse(value, ns))
                self.names.add(value)

    def _placeholders(self, value: Any, ns: str) -> None:
        if isinstance(value, str):
            if "${" in value:
                for match in PLACEHOLDER.finditer(value):
                    name = match[1] or match[2]
                    if name:
                        self.names.add(name)
                        self.ids.add(ID.parse(name, ns))
        elif isinstance(value, dict):
            for item in value.values():
                self._placeholders(item, ns)
        elif isinstance(value, list):
            for item in value:
                self._placeholders(item, ns)
