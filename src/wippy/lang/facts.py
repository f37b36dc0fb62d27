"""What is known about an expression's value without running it."""

from __future__ import annotations

import re

from wippy.lang import tree
from wippy.lang.tree import Expression

INTEGER = "integer"
STRING = "string"
_INTEGER_TEXT = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]+")
_STRING_METHODS = frozenset(("sub", "upper", "lower", "rep", "format", "gsub"))
_STRING_FUNCTIONS = _STRING_METHODS | {"char", "reverse"}
_DEPTH = 8


def known_kind(node: Expression, depth: int = _DEPTH) -> str | None:
    """INTEGER or STRING where the value is always one, else None."""
    if depth == 0:
        return None
    if isinstance(node, tree.String | tree.Concat):
        return STRING
    if isinstance(node, tree.Number):
        # A decimal literal beyond 64 bits is a float.
        return INTEGER if len(node.text) < 19 and _INTEGER_TEXT.fullmatch(node.text) else None
    if isinstance(node, tree.Name):
        return _variable_kind(node.variable, depth - 1) if node.variable is not None else None
    if isinstance(node, tree.Paren):
        return known_kind(node.inner, depth - 1)
    if isinstance(node, tree.Cast):
        return None if node.form == "typeof" else known_kind(node.value, depth - 1)
    if isinstance(node, tree.Unary):
        return INTEGER if node.op == "#" else None
    if isinstance(node, tree.MethodCall):
        return STRING if node.name in _STRING_METHODS else None
    if isinstance(node, tree.Call):
        return _call_kind(node.callee)
    if isinstance(node, tree.Binary):
        left = known_kind(node.left, depth - 1)
        if left is None:
            return None
        right = known_kind(node.right, depth - 1)
        if node.op in ("and", "or"):
            return left if left == right else None
        if left == right == INTEGER and node.op in ("+", "-", "*"):
            return INTEGER
    return None


def _variable_kind(variable: tree.Variable, depth: int) -> str | None:
    if variable.assigned or not variable.first or variable.value is None:
        return None
    if variable.form == "each":
        call = variable.value
        if isinstance(call, tree.Call) and isinstance(call.callee, tree.Name):
            return INTEGER if call.callee.name == "ipairs" and call.callee.variable is None else None
        return None
    kind = known_kind(variable.value, depth)
    return kind if variable.form == "local" or kind == INTEGER else None


def _call_kind(callee: Expression) -> str | None:
    if isinstance(callee, tree.Name):
        return STRING if callee.name == "tostring" and callee.variable is None else None
    if isinstance(callee, tree.Field) and isinstance(callee.object, tree.Name):
        owner = callee.object
        if owner.name == "string" and owner.variable is None and callee.name in _STRING_FUNCTIONS:
            return STRING
        if owner.name == "table" and owner.variable is None and callee.name == "concat":
            return STRING
    return None


def never_nil(node: Expression) -> bool:
    """True where a key is neither nil nor NaN nor an object, or where guarding it is not worth a call (arithmetic).

    Objects as keys go through the guard because a workflow numbers them when they are first stored.
    """
    if isinstance(node, tree.String | tree.Number | tree.Concat):
        return True
    if isinstance(node, tree.Constant):
        return node.text in ("true", "false")
    if isinstance(node, tree.Unary):
        return True
    if isinstance(node, tree.Binary):
        if node.op in ("/", "^"):
            return False
        return node.op not in ("and", "or") or (never_nil(node.left) and never_nil(node.right))
    if isinstance(node, tree.Paren):
        return never_nil(node.inner)
    if isinstance(node, tree.Cast):
        return node.form != "typeof" and never_nil(node.value)
    if isinstance(node, tree.Name) and node.variable is not None:
        variable = node.variable
        if variable.assigned:
            return False
        if variable.form == "for":
            return variable.first
        if variable.form == "each":
            return variable.first and _walks_a_table(variable.value)
        return variable.form == "local" and variable.first and variable.value is not None and never_nil(variable.value)
    return known_kind(node) is not None


def _walks_a_table(node: tree.Node | None) -> bool:
    """A call of the global `pairs` or `ipairs`: what it gives has been stored before."""
    return (
        isinstance(node, tree.Call)
        and isinstance(node.callee, tree.Name)
        and node.callee.name in ("pairs", "ipairs")
        and node.callee.variable is None
    )


def nonzero(node: Expression) -> bool:
    """True for a number literal, perhaps negated, that is not zero."""
    if isinstance(node, tree.Unary) and node.op == "-":
        node = node.operand
    return isinstance(node, tree.Number) and re.search("[1-9a-fA-F]", node.text.lower().split("e")[0]) is not None


def small_shift(node: Expression) -> bool:
    """True for an integer literal."""
    return isinstance(node, tree.Number) and _INTEGER_TEXT.fullmatch(node.text) is not None
