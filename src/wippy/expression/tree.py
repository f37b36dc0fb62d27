"""The tree of an expression. `at` is the offset in the source."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Node:
    at: int


@dataclass(slots=True)
class Literal(Node):
    value: object


@dataclass(slots=True)
class ListNode(Node):
    items: list[Node]


@dataclass(slots=True)
class MapNode(Node):
    pairs: list[tuple[Node, Node]]


@dataclass(slots=True)
class Name(Node):
    """A variable: `slot` is the place of a `let`, None for one of the environment."""

    name: str
    slot: int | None


@dataclass(slots=True)
class Slot(Node):
    """The current item (or index, or accumulator) of a predicate."""

    slot: int


@dataclass(slots=True)
class Environment(Node):
    """All variables as a map."""


@dataclass(slots=True)
class Unary(Node):
    operator: str
    value: Node


@dataclass(slots=True)
class Binary(Node):
    operator: str
    left: Node
    right: Node


@dataclass(slots=True)
class Conditional(Node):
    condition: Node
    yes: Node
    no: Node


@dataclass(slots=True)
class Member(Node):
    """`value[key]`; optional: nil when the value is nil, for the whole chain behind it."""

    value: Node
    key: Node
    optional: bool


@dataclass(slots=True)
class Chain(Node):
    """Where a chain with an optional member ends."""

    value: Node


@dataclass(slots=True)
class Slice(Node):
    value: Node
    first: Node | None
    last: Node | None


@dataclass(slots=True)
class Let(Node):
    slot: int
    name: str
    value: Node
    body: Node


@dataclass(slots=True)
class Sequence(Node):
    """`a; b; c`: the last one is the value."""

    items: list[Node]


@dataclass(slots=True)
class Predicate(Node):
    """The function given to `filter` and others: its body sees the slots of item, index and accumulator."""

    item: int
    index: int
    accumulator: int
    body: Node


@dataclass(slots=True)
class Call(Node):
    name: str
    arguments: list[Node]
