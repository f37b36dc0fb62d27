"""Tree → closures. Each takes the state of a run and gives the value of its part."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wippy.expression import tree, values
from wippy.expression.fault import Fault
from wippy.expression.functions import FUNCTIONS
from wippy.expression.lists import PREDICATE_FUNCTIONS, array
from wippy.expression.signatures import PREDICATES
from wippy.regex import Expression, ExpressionError, compile_expression

MAX_STEPS = 5_000_000
MAX_ITEMS = 1_000_000

Step = Callable[["State"], Any]

_SKIP: Any = object()
"""The rest of a chain behind `?.` on nil."""


class State:
    """One run.

    Attributes:
        variables: the environment.
        slots: values of `let` and of predicates.
        steps: how many items predicates may still visit.
        items: how many list items may still be made.
        now_ns: gives the time, or None for the machine's clock.
    """

    __slots__ = ("items", "now_ns", "slots", "steps", "variables")

    def __init__(self, variables: dict[str, Any], slots: int, now_ns: Callable[[], int] | None) -> None:
        self.variables = variables
        self.slots: list[Any] = [None] * slots
        self.steps = MAX_STEPS
        self.items = MAX_ITEMS
        self.now_ns = now_ns

    def visit(self, count: int) -> None:
        """Counts items that are looked at. Raises Fault."""
        self.steps -= count
        if self.steps < 0:
            raise Fault(f"expression takes more than {MAX_STEPS} steps")

    def make(self, count: int) -> None:
        """Counts items that are made. Raises Fault."""
        self.items -= count
        if self.items < 0:
            raise Fault("memory budget exceeded")


def compile_tree(node: tree.Node) -> Step:
    """The closure of a node. Raises Fault."""
    return _MAKERS[type(node)](node)


def _at(node: tree.Node, step: Step) -> Step:
    """Failures of a step point at its node."""
    at = node.at

    def located(state: State) -> Any:
        try:
            return step(state)
        except Fault as fault:
            if fault.at is None:
                fault.at = at
            raise

    return located


def _literal(node: tree.Literal) -> Step:
    value = node.value
    return lambda state: value


def _list(node: tree.ListNode) -> Step:
    items = [compile_tree(item) for item in node.items]

    def made(state: State) -> Any:
        state.make(len(items))
        return [item(state) for item in items]

    return _at(node, made)


def _map(node: tree.MapNode) -> Step:
    pairs = [(compile_tree(key), compile_tree(value)) for key, value in node.pairs]

    def made(state: State) -> Any:
        state.make(len(pairs))
        out: dict[str, Any] = {}
        for key, value in pairs:
            name = key(state)
            if type(name) is not str:
                raise Fault(f"map key must be a string, not {values.type_name(name)}")
            out[name] = value(state)
        return out

    return _at(node, made)


def _name(node: tree.Name) -> Step:
    if node.slot is not None:
        return _slot(tree.Slot(node.at, node.slot))
    name = node.name
    return lambda state: state.variables.get(name)


def _slot(node: tree.Slot) -> Step:
    slot = node.slot
    return lambda state: state.slots[slot]


def _environment(node: tree.Environment) -> Step:
    return lambda state: state.variables


def _unary(node: tree.Unary) -> Step:
    value = compile_tree(node.value)
    if node.operator == "not":
        return _at(node, lambda state: not _truth(value(state), "not"))
    act = values.negate if node.operator == "-" else values.plus
    return _at(node, lambda state: act(value(state)))


def _truth(value: Any, operator: str) -> bool:
    if type(value) is not bool:
        raise Fault(f"invalid operation: {operator} needs bool, not {values.type_name(value)}")
    return value


def _matches(node: tree.Binary) -> Step:
    left = compile_tree(node.left)
    if isinstance(node.right, tree.Literal) and type(node.right.value) is str:
        fixed = _expression(node.right.value, node.right.at)
        return _at(node, lambda state: _found(fixed, left(state)))
    right = compile_tree(node.right)

    def matches(state: State) -> bool:
        text, pattern = left(state), right(state)
        if text is None or pattern is None:
            return False
        values.texts("matches", text, pattern)
        return _found(_expression(pattern, None), text)

    return _at(node, matches)


def _expression(pattern: str, at: int | None) -> Expression:
    try:
        return compile_expression(pattern.encode("utf-8", "surrogateescape"))
    except ExpressionError as error:
        raise Fault(f"error parsing regexp: {error}", at) from None


def _found(expression: Expression, text: Any) -> bool:
    if text is None:
        return False
    if type(text) is not str:
        raise values.invalid("matches", text, "")
    try:
        return expression.found(text.encode("utf-8", "surrogateescape"))
    except ExpressionError as error:
        raise Fault(f"regexp {error}", None) from None


def _contains(left: Any, right: Any) -> bool:
    if left is None or right is None:
        return False
    values.texts("contains", left, right)
    return right in left


def _starts(left: Any, right: Any) -> bool:
    if left is None or right is None:
        return False
    values.texts("startsWith", left, right)
    return left.startswith(right)


def _ends(left: Any, right: Any) -> bool:
    if left is None or right is None:
        return False
    values.texts("endsWith", left, right)
    return left.endswith(right)


_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": values.add,
    "-": values.subtract,
    "*": values.multiply,
    "/": values.divide,
    "%": values.remainder,
    "**": values.power,
    "==": values.equal,
    "!=": lambda a, b: not values.equal(a, b),
    "<": values.less,
    "<=": values.less_equal,
    ">": values.greater,
    ">=": values.greater_equal,
    "contains": _contains,
    "startsWith": _starts,
    "endsWith": _ends,
}


def _binary(node: tree.Binary) -> Step:
    operator = node.operator
    if operator == "matches":
        return _matches(node)
    left, right = compile_tree(node.left), compile_tree(node.right)
    if operator == "&&":
        return _at(node, lambda state: _truth(left(state), "and") and _truth(right(state), "and"))
    if operator == "||":
        return _at(node, lambda state: _truth(left(state), "or") or _truth(right(state), "or"))
    if operator == "??":

        def otherwise(state: State) -> Any:
            value = left(state)
            return right(state) if value is None else value

        return otherwise
    if operator == "..":
        return _at(node, lambda state: _range(state, left(state), right(state)))
    if operator == "in":

        def inside(state: State) -> bool:
            value, held = left(state), right(state)
            state.visit(len(held) if type(held) is list else 1)
            return values.inside(value, held)

        return _at(node, inside)
    act = _OPERATORS[operator]
    return _at(node, lambda state: act(left(state), right(state)))


def _range(state: State, first: Any, last: Any) -> list[int]:
    if type(first) is not int or type(last) is not int:
        raise values.invalid("..", first, last)
    if last < first:
        return []
    state.make(last - first + 1)
    return list(range(first, last + 1))


def _conditional(node: tree.Conditional) -> Step:
    condition, yes, no = compile_tree(node.condition), compile_tree(node.yes), compile_tree(node.no)

    def choose(state: State) -> Any:
        return yes(state) if _truth(condition(state), "condition") else no(state)

    return _at(node, choose)


def _member(node: tree.Member) -> Step:
    value, key = compile_tree(node.value), compile_tree(node.key)
    optional = node.optional

    def fetch(state: State) -> Any:
        held = value(state)
        if held is _SKIP or (optional and held is None):
            return _SKIP
        return values.fetch(held, key(state))

    return _at(node, fetch)


def _chain(node: tree.Chain) -> Step:
    value = compile_tree(node.value)

    def end(state: State) -> Any:
        found = value(state)
        return None if found is _SKIP else found

    return end


def _slice(node: tree.Slice) -> Step:
    value = compile_tree(node.value)
    first = compile_tree(node.first) if node.first else lambda state: None
    last = compile_tree(node.last) if node.last else lambda state: None

    def cut(state: State) -> Any:
        held = value(state)
        if held is _SKIP:
            return _SKIP
        part = values.cut(held, first(state), last(state))
        if type(part) is list:
            state.make(len(part))
        return part

    return _at(node, cut)


def _let(node: tree.Let) -> Step:
    slot, value, body = node.slot, compile_tree(node.value), compile_tree(node.body)

    def bind(state: State) -> Any:
        state.slots[slot] = value(state)
        return body(state)

    return bind


def _sequence(node: tree.Sequence) -> Step:
    items = [compile_tree(item) for item in node.items]

    def run(state: State) -> Any:
        result = None
        for item in items:
            result = item(state)
        return result

    return run


def _call(node: tree.Call) -> Step:
    name, given = node.name, node.arguments
    if name in PREDICATES and len(given) > 1 and isinstance(given[1], tree.Predicate):
        predicate = given[1]
        source, body = compile_tree(given[0]), compile_tree(predicate.body)
        rest = [compile_tree(argument) for argument in given[2:]]
        act = PREDICATE_FUNCTIONS[name]

        def over(state: State) -> Any:
            return act(state, array(source(state), name), predicate, body, [argument(state) for argument in rest])

        return _at(node, over)
    arguments = [compile_tree(argument) for argument in given]
    function = FUNCTIONS[name]
    return _at(node, lambda state: function(state, *[argument(state) for argument in arguments]))


_MAKERS: dict[type, Callable[[Any], Step]] = {
    tree.Literal: _literal,
    tree.ListNode: _list,
    tree.MapNode: _map,
    tree.Name: _name,
    tree.Slot: _slot,
    tree.Environment: _environment,
    tree.Unary: _unary,
    tree.Binary: _binary,
    tree.Conditional: _conditional,
    tree.Member: _member,
    tree.Chain: _chain,
    tree.Slice: _slice,
    tree.Let: _let,
    tree.Sequence: _sequence,
    tree.Call: _call,
}
