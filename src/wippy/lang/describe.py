"""Type nodes → plain data that outlives the source: what a compiled chunk keeps of its declared types.

A declaration is `{"name", "line", "params": [[name, constraint type or None], …], "type"}`; one that `typeof(…)` as an
expression stands for has `anonymous` instead of `line`. A type has `kind` and:

| kind | fields |
|---|---|
| `name` | `path` (list), `args` (types) |
| `literal` | `value`: None, boolean, bytes, integer or float |
| `array`, `optional`, `readonly`, `keyof` | `inner` |
| `map` | `key`, `value` |
| `tuple`, `union`, `intersection` | `items` |
| `record` | `fields`: [[name, optional, type], …] |
| `interface` | `bases` (types), `fields` as in a record |
| `function` | `params`: [[name or None, type], …], `vararg`: type or None, `results` |
| `typeof` | `text` of the expression, `path` when it is a dotted name, `type` of its value where it is known |
| `index` | `object`, `key` |
| `conditional` | `value`, `base`, `yes`, `no` |
| `asserts` | `name`, `inner` or None |
| `constrained` | `base`, `constraint`, `args` (literals; None for anything else) |
"""

from __future__ import annotations

from typing import Any

from wippy.lang import tree
from wippy.lang.lexer import decode, unquote
from wippy.lang.tree import Chunk, Expression, Local, Type

_ANY: dict[str, Any] = {"kind": "name", "path": ["any"], "args": []}


def describe(chunk: Chunk) -> list[dict[str, Any]]:
    """The chunk-level declarations of a chunk, in source order, then those without a name (`anonymous`)."""
    values = [
        {"name": value.name, "anonymous": True, "params": [], "type": describe_type(chunk, value.type)}
        for value in chunk.type_values
    ]
    return _declared(chunk) + values


def _declared(chunk: Chunk) -> list[dict[str, Any]]:
    return [
        {
            "name": declaration.name,
            "line": chunk.tokens.line(declaration.at),
            "params": [[param.name, _maybe(chunk, param.constraint)] for param in declaration.params],
            "type": describe_type(chunk, declaration.type)
            if isinstance(declaration, tree.TypeDeclaration)
            else _interface(chunk, declaration),
        }
        for declaration in chunk.declarations
    ]


def aliases(chunk: Chunk) -> dict[str, str]:
    """Chunk-level locals that hold a required module: local -> name given to `require`."""
    found: dict[str, str] = {}
    for node in chunk.body:
        if isinstance(node, Local):
            for param, value in zip(node.names, node.values, strict=False):
                required = _required(value)
                if param.name and required is not None:
                    found[param.name] = required
    return found


def _required(node: Expression) -> str | None:
    if isinstance(node, tree.Cast):
        return _required(node.value)
    if not isinstance(node, tree.Call) or not isinstance(node.callee, tree.Name) or node.callee.name != "require":
        return None
    if len(node.args) != 1 or not isinstance(node.args[0], tree.String):
        return None
    return unquote(node.args[0].text).decode("utf-8", "replace")


def _maybe(chunk: Chunk, node: Type | None) -> dict[str, Any] | None:
    return None if node is None else describe_type(chunk, node)


def _interface(chunk: Chunk, node: tree.InterfaceDeclaration) -> dict[str, Any]:
    fields = [[m.name, False, _function(chunk, m.params, m.results or [])] for m in node.methods]
    return {"kind": "interface", "bases": [describe_type(chunk, base) for base in node.bases], "fields": fields}


def _function(chunk: Chunk, params: list[tree.Param], results: list[Type]) -> dict[str, Any]:
    vararg = next((param for param in params if param.name == "..."), None)
    return {
        "kind": "function",
        "params": [
            [param.name, describe_type(chunk, param.type) if param.type else _ANY]
            for param in params
            if param.name != "..."
        ],
        "vararg": None if vararg is None else _maybe(chunk, vararg.type) or _ANY,
        "results": [describe_type(chunk, result) for result in results],
    }


def describe_type(chunk: Chunk, node: Type) -> dict[str, Any]:
    """One type as plain data (table at the top of this file)."""

    def sub(inner: Type) -> dict[str, Any]:
        return describe_type(chunk, inner)

    match node:
        case tree.TypeName():
            return {"kind": "name", "path": node.path, "args": [sub(arg) for arg in node.args]}
        case tree.LiteralType():
            return {"kind": "literal", "value": literal(node.text)}
        case tree.ArrayType():
            return {"kind": "array", "inner": sub(node.item)}
        case tree.MapType():
            return {"kind": "map", "key": sub(node.key), "value": sub(node.value)}
        case tree.TupleType():
            return {"kind": "tuple", "items": [sub(item) for item in node.items]}
        case tree.UnionType():
            return {"kind": "union", "items": [sub(item) for item in node.items]}
        case tree.IntersectionType():
            return {"kind": "intersection", "items": [sub(item) for item in node.items]}
        case tree.RecordType():
            fields = [[field.name, field.optional, sub(field.type)] for field in node.fields]
            if node.interface:
                return {"kind": "interface", "bases": [], "fields": fields}
            return {"kind": "record", "fields": fields}
        case tree.FunctionType():
            return _function(chunk, node.params, node.results)
        case tree.OptionalType():
            return {"kind": "optional", "inner": sub(node.inner)}
        case tree.ReadonlyType():
            return {"kind": "readonly", "inner": sub(node.inner)}
        case tree.KeyOf():
            return {"kind": "keyof", "inner": sub(node.inner)}
        case tree.IndexedType():
            return {"kind": "index", "object": sub(node.object), "key": sub(node.key)}
        case tree.ConditionalType():
            return {
                "kind": "conditional",
                "value": sub(node.value),
                "base": sub(node.base),
                "yes": sub(node.yes),
                "no": sub(node.no),
            }
        case tree.AssertsType():
            return {"kind": "asserts", "name": node.name, "inner": _maybe(chunk, node.type)}
        case tree.ConstrainedType():
            args = [_argument(arg) for arg in node.args]
            return {"kind": "constrained", "base": sub(node.base), "constraint": node.name, "args": args}
        case tree.TypeOf():
            tokens = chunk.tokens
            text = tokens.source[tokens.starts[node.value.at] : tokens.ends[node.value.to - 1]]
            described = {"kind": "typeof", "text": decode(text), "path": _path(node.value)}
            from wippy.lang.infer import static_type  # needs this file, and hardly any chunk needs it

            type = static_type(chunk, node.value)
            return described if type is None else {**described, "type": type}
    raise TypeError(f"no type node: {node!r}")


def _path(node: Expression) -> list[str] | None:
    names: list[str] = []
    while isinstance(node, tree.Field):
        names.append(node.name)
        node = node.object
    return [node.name, *reversed(names)] if isinstance(node, tree.Name) else None


def _argument(node: Expression) -> Any:
    if isinstance(node, tree.Unary) and node.op == "-" and isinstance(node.operand, tree.Number):
        return literal("-" + node.operand.text)
    if isinstance(node, tree.String | tree.Number) or (isinstance(node, tree.Constant) and node.text != "..."):
        return literal(node.text)
    return None


def literal(text: str) -> Any:
    """A literal as written (numbers with their sign) → None, boolean, bytes, integer in 64 bits, or float."""
    if text in ("nil", "true", "false"):
        return {"nil": None, "true": True, "false": False}[text]
    if text[0] in "\"'[":
        return unquote(text)
    digits = text.lstrip("-")
    sign = -1 if text[0] == "-" else 1
    if digits[:2] in ("0x", "0X"):
        value = sign * int(digits, 16)
        return (value + (1 << 63)) % (1 << 64) - (1 << 63)
    if digits.isdigit():
        value = sign * int(digits)
        return value if -(1 << 63) <= value < 1 << 63 else float(value)
    return sign * float(digits)
