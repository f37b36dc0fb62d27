"""One definition file: its namespace and the entries it declares."""

from __future__ import annotations

from typing import Any

from yaml.nodes import MappingNode, Node, SequenceNode

from .entry import ID, Entry
from .source import Source, find
from .yaml_file import Builder

RESERVED = frozenset(("namespace", "name", "kind", "meta", "version", "requirements", "entries"))


def namespace_node(root: Node | None) -> Node | None:
    """The node of the key `namespace` of a file, None where the file defines nothing for us."""
    if not isinstance(root, MappingNode):
        return None
    pair = find(root, "namespace")
    return pair[1] if pair else None


def read_entries(builder: Builder) -> list[Entry]:
    """The entries of a definition file; none where it has no (or a blank) namespace.

    Mistakes are collected in `builder.errors`.
    """
    document = builder.document
    root = document.root
    node = namespace_node(root)
    if node is None or not isinstance(root, MappingNode):
        return []
    namespace = builder.value(node)
    if namespace is None or (isinstance(namespace, str) and not namespace.strip()):
        return []
    values = builder.mapping(root)
    sound = True
    for key in ("namespace", "version", "name", "kind"):
        if key in values and not isinstance(values[key], str):
            pair = find(root, key)
            builder.mistake(
                f"{key} must be a string", pair[1] if pair else root, hint=f'write it in quotes: {key}: "…"'
            )
            sound = False
    if not sound:
        return []
    return _batch(builder, root, values) if _has_batch(values) else _single(builder, root, values)


def _has_batch(values: dict[Any, Any]) -> bool:
    return bool(values.get("entries")) or not ("name" in values and "kind" in values)


def _single(builder: Builder, root: MappingNode, values: dict[Any, Any]) -> list[Entry]:
    for key in ("name", "kind"):
        if not values[key].strip():
            pair = find(root, key)
            builder.mistake(f"{key} is required and must be a non-empty string", pair[1] if pair else root)
            return []
    data = {key: value for key, value in values.items() if key not in RESERVED}
    source = Source(builder.document, root, batch=False)
    return [Entry(ID(values["namespace"], values["name"]), values["kind"], _meta(values.get("meta")), data, source)]


def _batch(builder: Builder, root: MappingNode, values: dict[Any, Any]) -> list[Entry]:
    pair = find(root, "entries")
    items = values.get("entries")
    if items is None:
        builder.mistake(
            "entries: either entries array or single entry (name/kind) must be provided",
            pair[0] if pair else namespace_node(root),
            hint="add `entries:` with a list, or `name:` and `kind:` of one entry",
        )
        return []
    if not isinstance(items, list) or pair is None or not isinstance(pair[1], SequenceNode):
        builder.mistake("entries must be a list", pair[1] if pair else root, hint="begin each entry with `- name: …`")
        return []
    shared = _meta(values.get("meta"))
    namespace = values["namespace"]
    out: list[Entry] = []
    for number, (node, item) in enumerate(zip(pair[1].value, items, strict=True)):
        if not isinstance(item, dict):
            builder.mistake(f"entry[{number}] must be a mapping", node, hint="write `- name: …` and `kind: …` below it")
            continue
        sound = True
        for key in ("name", "kind"):
            value = item.get(key)
            if not isinstance(value, str) or not value.strip():
                place = find(node, key)
                builder.mistake(
                    f"entry[{number}].{key}: {key} is required and must be a non-empty string",
                    place[1] if place else node,
                    hint=f"add `{key}: …`"
                    if place is None
                    else f"write {key} as text, in quotes if it looks like a number",
                )
                sound = False
        if not sound:
            continue
        own = _meta(item.get("meta"))
        if "data" in item:
            data = item["data"]
        else:
            data = {key: value for key, value in item.items() if key not in ("name", "kind", "meta")}
        out.append(
            Entry(
                ID(namespace, item["name"]),
                item["kind"],
                {**shared, **own} if shared else own,
                data,
                Source(builder.document, node, batch=True),
            )
        )
    return out


def _meta(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        return {}
    return {key: item for key, item in value.items() if isinstance(key, str)}
