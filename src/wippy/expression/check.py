"""What can be known before an expression runs: names that do not exist, operators that do not fit."""

from __future__ import annotations

from typing import Any

from wippy.expression import tree
from wippy.expression.fault import Fault
from wippy.expression.values import type_name

UNKNOWN = ""
_NUMBERS = frozenset(["int", "float"])
_ARITHMETIC = frozenset(["-", "*", "/", "%", "**"])
_ORDER = frozenset(["<", "<=", ">", ">="])
_TEXT = frozenset(["contains", "startsWith", "endsWith", "matches"])
_TIMES = frozenset(["time", "duration"])

_RESULTS: dict[str, str] = {
    **dict.fromkeys(["len", "int", "indexOf", "lastIndexOf", "count", "findIndex", "findLastIndex"], "int"),
    **dict.fromkeys(["ceil", "floor", "round", "mean", "median", "float"], "float"),
    **dict.fromkeys(["upper", "lower", "trim", "trimPrefix", "trimSuffix", "join", "replace", "repeat"], "string"),
    **dict.fromkeys(["string", "type", "toJSON", "toBase64", "fromBase64"], "string"),
    **dict.fromkeys(["all", "any", "one", "none", "hasPrefix", "hasSuffix"], "bool"),
    **dict.fromkeys(["map", "filter", "sort", "sortBy", "reverse", "take", "concat", "flatten", "uniq"], "array"),
    **dict.fromkeys(["split", "splitAfter", "keys", "values", "toPairs"], "array"),
    **dict.fromkeys(["groupBy", "fromPairs"], "map"),
    "now": "time",
    "date": "time",
    "duration": "duration",
}


def check(node: tree.Node, variables: dict[str, Any] | None) -> str:
    """The type of an expression, "" where it shows at run time only. Raises Fault.

    Args:
        variables: what is known of the environment, None for nothing.
    """
    return _Check(variables).type(node)


class _Check:
    def __init__(self, variables: dict[str, Any] | None) -> None:
        self._variables = variables
        self._slots: dict[int, str] = {}

    def type(self, node: tree.Node) -> str:
        return getattr(self, "_" + type(node).__name__.lower())(node)

    def _literal(self, node: tree.Literal) -> str:
        return type_name(node.value)

    def _listnode(self, node: tree.ListNode) -> str:
        for item in node.items:
            self.type(item)
        return "array"

    def _mapnode(self, node: tree.MapNode) -> str:
        for key, value in node.pairs:
            self.type(key)
            self.type(value)
        return "map"

    def _name(self, node: tree.Name) -> str:
        if node.slot is not None:
            return self._slots.get(node.slot, UNKNOWN)
        if self._variables is None:
            return UNKNOWN
        if node.name not in self._variables:
            raise Fault(f"unknown name {node.name}", node.at)
        found = type_name(self._variables[node.name])
        # an empty table may become a list or a map, and nothing may become anything
        return UNKNOWN if found == "nil" or self._variables[node.name] in ({}, []) else found

    def _slot(self, node: tree.Slot) -> str:
        return UNKNOWN

    def _environment(self, node: tree.Environment) -> str:
        return "map"

    def _unary(self, node: tree.Unary) -> str:
        held = self.type(node.value)
        good = ("bool",) if node.operator == "not" else ("int", "float", "duration")
        if held and held not in good:
            raise Fault(f"invalid operation: {node.operator} (mismatched type {held})", node.at)
        return "bool" if node.operator == "not" else held

    def _binary(self, node: tree.Binary) -> str:
        operator = node.operator
        left, right = self.type(node.left), self.type(node.right)
        if operator == "matches" and isinstance(node.right, tree.Literal) and right != "string":
            raise self._mismatch(node, left, right)
        if operator == "??":
            return left if left == right else UNKNOWN
        both = {left, right} - {UNKNOWN}
        if operator in ("==", "!="):
            if len(both) == 2 and not both <= _NUMBERS and "nil" not in both:
                raise self._mismatch(node, left, right)
            return "bool"
        if operator in ("&&", "||"):
            if both - {"bool"}:
                raise self._mismatch(node, left, right)
            return "bool"
        if operator == "in":
            if right and right not in ("array", "map", "nil"):
                raise self._mismatch(node, left, right)
            if right == "map" and left and left != "string":
                raise self._mismatch(node, left, right)
            return "bool"
        if operator in _TEXT:
            if both - {"string", "nil"}:
                raise self._mismatch(node, left, right)
            return "bool"
        if operator == "..":
            if both - {"int"}:
                raise self._mismatch(node, left, right)
            return "array"
        if operator in _ORDER:
            if not (both <= _NUMBERS or both == {"string"} or (len(both) == 1 and both <= _TIMES)):
                raise self._mismatch(node, left, right)
            return "bool"
        return self._arithmetic(node, left, right, both)

    def _arithmetic(self, node: tree.Binary, left: str, right: str, both: set[str]) -> str:
        operator = node.operator
        if both & _TIMES:
            if operator not in ("+", "-", "*") or both - _TIMES - _NUMBERS:
                raise self._mismatch(node, left, right)
            return UNKNOWN
        good = both <= ({"int"} if operator == "%" else _NUMBERS) or (operator == "+" and both == {"string"})
        if not good:
            raise self._mismatch(node, left, right)
        if operator in ("/", "**"):
            return "float" if left and right else UNKNOWN
        if operator == "%":
            return "int"
        if not left or not right:
            return UNKNOWN
        return "float" if "float" in both else left

    def _mismatch(self, node: tree.Binary, left: str, right: str) -> Fault:
        shown = {"&&": "and", "||": "or"}.get(node.operator, node.operator)
        types = f"{left or 'unknown'} and {right or 'unknown'}"
        return Fault(f"invalid operation: {shown} (mismatched types {types})", node.at)

    def _conditional(self, node: tree.Conditional) -> str:
        condition = self.type(node.condition)
        if condition and condition != "bool":
            raise Fault(f"non-bool expression (type {condition}) used as condition", node.condition.at)
        yes, no = self.type(node.yes), self.type(node.no)
        return yes if yes == no else UNKNOWN

    def _member(self, node: tree.Member) -> str:
        held, key = self.type(node.value), self.type(node.key)
        if isinstance(node.value, tree.Environment) and isinstance(node.key, tree.Literal):
            return self._name(tree.Name(node.at, str(node.key.value), None)) if not node.optional else UNKNOWN
        if held in ("int", "float", "bool"):
            raise Fault(f"type {held} has no field or item", node.at)
        if held in ("array", "string") and key and key not in _NUMBERS:
            raise Fault(f"{held} elements can only be selected using an integer (got {key})", node.at)
        if held == "map" and key and key not in ("string", "int"):
            raise Fault(f"cannot use {key} to get an element from a map", node.at)
        return UNKNOWN

    def _chain(self, node: tree.Chain) -> str:
        self.type(node.value)
        return UNKNOWN

    def _slice(self, node: tree.Slice) -> str:
        held = self.type(node.value)
        if held and held not in ("array", "string"):
            raise Fault(f"cannot slice {held}", node.at)
        for part in (node.first, node.last):
            kind = self.type(part) if part else UNKNOWN
            if kind and kind != "int":
                raise Fault(f"non-integer slice index {kind}", part.at if part else node.at)
        return held

    def _let(self, node: tree.Let) -> str:
        if self._variables is not None and node.name in self._variables:
            raise Fault(f"cannot redeclare {node.name}: the environment has a variable of that name", node.at)
        found = self.type(node.value)
        self._slots[node.slot] = UNKNOWN if found == "nil" else found
        return self.type(node.body)

    def _sequence(self, node: tree.Sequence) -> str:
        return [self.type(item) for item in node.items][-1]

    def _predicate(self, node: tree.Predicate) -> str:
        return self.type(node.body)

    def _call(self, node: tree.Call) -> str:
        for argument in node.arguments:
            self.type(argument)
        return _RESULTS.get(node.name, UNKNOWN)
