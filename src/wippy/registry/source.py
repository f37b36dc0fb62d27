"""Where an entry was written: file, line, and the positions of its keys, found only when asked for."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

MERGE = "<<"


class Document:
    """A parsed definition file.

    Args:
        file: path as the user knows it.
        path: path on disk.
        text: content.
        root: node of the first document.
        inserted: file whose text stands in place of a `file://` scalar, by the identity of its node.
    """

    def __init__(self, file: str, path: str, text: str, root: Node | None) -> None:
        self.file = file
        self.path = path
        self.text = text
        self.root = root
        self.inserted: dict[int, str] = {}

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()


class Source:
    """The place of one entry in a definition file.

    Args:
        document: the file.
        node: the mapping that is the entry.
        batch: whether it is an item of `entries` (a key `data` there is the whole data).
    """

    __slots__ = ("__dict__", "batch", "document", "node")

    def __init__(self, document: Document, node: Node, *, batch: bool) -> None:
        self.document = document
        self.node = node
        self.batch = batch

    @property
    def file(self) -> str:
        """Path of the definition file as the user knows it."""
        return self.document.file

    @property
    def line(self) -> int:
        """1-based line on which the entry begins."""
        return self.node.start_mark.line + 1

    def text_of(self, line: int) -> str | None:
        """The text of a 1-based line of the definition file."""
        lines = self.document.lines
        return lines[line - 1] if 0 < line <= len(lines) else None

    def line_of(self, *path: str | int) -> int:
        """1-based line of a key path such as `("data", "pool", "size")` or `("kind",)`.

        Where a part is not in the file (inherited, injected) it is the line of the nearest part above.
        """
        return self.position(*path)[0]

    def position(self, *path: str | int, at_key: bool = True) -> tuple[int, int]:
        """1-based line and column of a key path; see `line_of`."""
        node = self.node
        mark = node.start_mark
        parts = list(path)
        if parts and parts[0] == "data" and not (self.batch and find(node, "data") is not None):
            parts.pop(0)
        root = self.document.root
        if parts and parts[0] == "meta" and root is not None:
            own = find(node, "meta")
            inside = own is not None and (len(parts) == 1 or find(own[1], parts[1]) is not None)
            if not inside and find(root, "meta") is not None:
                node = root
        for number, part in enumerate(parts):
            pair = find(node, part)
            if pair is None:
                break
            last = number == len(parts) - 1
            mark = (pair[0] if at_key or not last else pair[1]).start_mark
            node = pair[1]
        return mark.line + 1, mark.column + 1

    @cached_property
    def files(self) -> dict[tuple[str | int, ...], str]:
        """Files inserted by `file://`, as the user knows their paths, by key path from the entry."""
        found: dict[tuple[str | int, ...], str] = {}
        if self.document.inserted:
            whole = self.batch and find(self.node, "data") is not None
            self._collect(self.node, (), found)
            if not whole:
                found = {
                    path if path[0] in ("meta", "kind", "name") else ("data", *path): file
                    for path, file in found.items()
                }
        return found

    def _collect(self, node: Node, path: tuple[str | int, ...], found: dict[tuple[str | int, ...], str]) -> None:
        if isinstance(node, ScalarNode):
            file = self.document.inserted.get(id(node))
            if file is not None:
                found[path] = file
        elif isinstance(node, MappingNode):
            for key, value in node.value:
                self._collect(value, path if is_merge(key) else (*path, key.value), found)
        elif isinstance(node, SequenceNode):
            for number, item in enumerate(node.value):
                self._collect(item, (*path, number), found)


def is_merge(key: Any) -> bool:
    """Whether a key node is the merge key `<<`."""
    return key.value == MERGE and not key.style and isinstance(key, ScalarNode)


def find(node: Node, part: str | int) -> tuple[Node, Node] | None:
    """The key and value nodes under `part` (key of a mapping, 0-based index of a list), or None."""
    if isinstance(node, MappingNode):
        merged: list[Node] = []
        for key, value in node.value:
            if is_merge(key):
                merged.extend(value.value if isinstance(value, SequenceNode) else [value])
            elif key.value == part or key.value == str(part):
                return key, value
        for item in merged:
            pair = find(item, part)
            if pair is not None:
                return pair
    elif isinstance(node, SequenceNode) and isinstance(part, int) and 0 <= part < len(node.value):
        return node.value[part], node.value[part]
    return None
