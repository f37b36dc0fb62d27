"""The static type of an expression in `typeof(…)`, as plain data (see `describe.py`)."""

from __future__ import annotations

from typing import Any

from wippy.lang import tree
from wippy.lang.describe import describe_type
from wippy.lang.tree import Chunk, Expression

_COMPARISONS = ("==", "~=", "<", "<=", ">", ">=")
_DEPTH = 64


def static_type(chunk: Chunk, node: Expression, depth: int = _DEPTH) -> dict[str, Any] | None:
    """The declared type of a chunk-level variable, the shape of a table, the base type of a literal; else None."""
    if depth == 0:
        return None
    match node:
        case tree.Paren():
            return static_type(chunk, node.inner, depth - 1)
        case tree.Name():
            return _variable(chunk, node, depth - 1)
        case tree.Field():
            return _field(static_type(chunk, node.object, depth - 1), node.name)
        case tree.Cast():
            return static_type(chunk, node.value, depth - 1) if node.type is None else _annotation(chunk, node.type)
        case tree.Constant():
            return {"nil": _name("nil"), "true": _name("boolean"), "false": _name("boolean")}.get(node.text)
        case tree.Number():
            return _name("number")
        case tree.String() | tree.Concat():
            return _name("string")
        case tree.Table():
            return _table(chunk, node, depth - 1)
        case tree.Function():
            return _function(chunk, node)
        case tree.Unary():
            return {"not": _name("boolean"), "#": _name("integer"), "-": _name("number")}.get(node.op)
        case tree.Binary():
            if node.op in ("and", "or"):
                return None
            return _name("boolean" if node.op in _COMPARISONS else "number")
    return None


def _name(name: str) -> dict[str, Any]:
    if name == "nil":
        return {"kind": "literal", "value": None}
    return {"kind": "name", "path": [name], "args": []}


def _or_any(type: dict[str, Any] | None) -> dict[str, Any]:
    return _name("any") if type is None else type


def _annotation(chunk: Chunk, type: tree.Type) -> dict[str, Any] | None:
    # a `typeof` in the annotation could lead back here
    return None if isinstance(type, tree.TypeOf) else describe_type(chunk, type)


def _variable(chunk: Chunk, name: tree.Name, depth: int) -> dict[str, Any] | None:
    variable = name.variable
    for node in reversed(chunk.body):
        if (
            isinstance(node, tree.LocalFunction)
            and node.name == name.name
            and (variable is None or variable.at == node.at + 2)
        ):
            return _function(chunk, node.function)
        if isinstance(node, tree.Local):
            for index, param in enumerate(node.names):
                if param.name == name.name and (variable is None or variable.at == param.at):
                    if param.type is not None:
                        return _annotation(chunk, param.type)
                    return static_type(chunk, node.values[index], depth) if index < len(node.values) else None
    if variable is None or variable.form != "local" or variable.assigned or not variable.first:
        return None
    return None if variable.value is None else static_type(chunk, variable.value, depth)


def _field(object: dict[str, Any] | None, name: str) -> dict[str, Any] | None:
    if object is None:
        return None
    if object["kind"] == "record":
        for field, optional, type in object["fields"]:
            if field == name:
                return {"kind": "optional", "inner": type} if optional else type
        return None
    if object["kind"] == "name":
        return {"kind": "index", "object": object, "key": {"kind": "literal", "value": name.encode()}}
    return None


def _table(chunk: Chunk, node: tree.Table, depth: int) -> dict[str, Any] | None:
    if any(item.key is not None for item in node.items):
        return _name("table")
    values = [_or_any(static_type(chunk, item.value, depth)) for item in node.items]
    if all(item.name is not None for item in node.items):
        fields = [[item.name, False, value] for item, value in zip(node.items, values, strict=True)]
        return {"kind": "record", "fields": fields}
    if any(item.name is not None for item in node.items):
        return _name("table")
    return {"kind": "array", "inner": values[0] if len(values) == 1 else {"kind": "union", "items": values}}


def _function(chunk: Chunk, node: tree.Function) -> dict[str, Any]:
    params = [
        [param.name, _or_any(_annotation(chunk, param.type) if param.type else None)]
        for param in node.params
        if param.name != "..."
    ]
    vararg = next((param for param in node.params if param.name == "..."), None)
    results = [_or_any(_annotation(chunk, result)) for result in node.results or []]
    return {
        "kind": "function",
        "params": params,
        "vararg": None if vararg is None else _or_any(_annotation(chunk, vararg.type) if vararg.type else None),
        "results": results,
    }
