"""Types as a reader writes them."""

from __future__ import annotations

from wippy.lang.check.types import (
    ABSENT,
    ERROR,
    NIL,
    NUMBER,
    STRING,
    Array,
    Basic,
    Function,
    Intersection,
    Literal,
    Map,
    Named,
    Open,
    Record,
    Tuple,
    Type,
    TypeValue,
    TypeVariable,
    Union,
)

_DEPTH = 3
_FIELDS = 6
_TEXT = (STRING, NUMBER, ERROR)


def show(type: Type, depth: int = 0) -> str:
    """The text of a type; deep parts and long lists are cut."""
    if isinstance(type, Basic):
        return type.name
    if isinstance(type, Literal):
        return _literal(type)
    if isinstance(type, Named):
        return type.name + (f"<{', '.join(show(arg, depth + 1) for arg in type.args)}>" if type.args else "")
    if isinstance(type, TypeVariable):
        return type.name
    if isinstance(type, Open):
        return "table"
    if isinstance(type, TypeValue):
        return "type"
    if depth > _DEPTH:
        return "…"
    if isinstance(type, Array):
        return f"{'readonly ' if type.readonly else ''}{{{show(type.item, depth + 1)}}}"
    if isinstance(type, Map):
        return f"{{[{show(type.key, depth + 1)}]: {show(type.value, depth + 1)}}}"
    if isinstance(type, Tuple):
        return f"{{{', '.join(show(item, depth + 1) for item in type.items)}}}"
    if isinstance(type, Record):
        fields = [f"{name}: {show(inner, depth + 1)}" for name, inner in list(type.fields.items())[:_FIELDS]]
        if len(type.fields) > _FIELDS:
            fields.append("…")
        return f"{'readonly ' if type.readonly else 'interface ' if type.interface else ''}{{{', '.join(fields)}}}"
    if isinstance(type, Function):
        return _function(type, depth)
    if isinstance(type, Intersection):
        return " & ".join(show(item, depth + 1) for item in type.items)
    if isinstance(type, Union):
        return _union(type, depth)
    return "any"


def _literal(type: Literal) -> str:
    value = type.value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        text = value.decode("utf-8", "replace")
        return f'"{text[:40]}…"' if len(text) > 40 else f'"{text}"'
    return str(value)


def _function(type: Function, depth: int) -> str:
    params = [show(param.type, depth + 1) for param in type.params]
    if type.vararg is not None:
        params.append("...")
    results = "any" if type.results is None else ", ".join(show(result, depth + 1) for result in type.results)
    if type.results is not None and len(type.results) != 1:
        results = f"({results})"
    return f"({', '.join(params)}) -> {results}"


def _union(type: Union, depth: int) -> str:
    items = [item for item in type.items if item is not ABSENT and item is not NIL]
    if all(item in items for item in _TEXT):
        # What a module takes as a text.
        items = [item for item in items if item not in _TEXT[1:]]
    parts = [show(item, depth + 1) for item in items]
    text = " | ".join(f"({part})" if "->" in part else part for part in parts)
    if not any(item is NIL for item in type.items):
        return text
    return f"{text}?" if len(parts) == 1 else f"{text} | nil"
