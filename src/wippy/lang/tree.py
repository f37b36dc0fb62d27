"""The nodes of a parsed chunk. `at` is the index of a node's first token, `to` that of the token behind its last."""

from __future__ import annotations

from msgspec import Struct, field

from wippy.lang.lexer import Tokens


class Node(Struct, eq=False, gc=False):
    at: int
    to: int


class Branch(Node, gc=True):
    """A node that holds others: the collector's guard against deep chains is needed when it is freed."""


class Variable(Struct, eq=False):
    """A local variable. `form`: local, function, param, vararg, for (numeric) or each (generic loop)."""

    name: str
    at: int
    form: str
    value: Node | None = None
    first: bool = True
    assigned: bool = False


# Expressions


class Constant(Node):
    """nil, true, false or `...`."""

    text: str


class Number(Node):
    text: str


class String(Node):
    """`text` is the token as written."""

    text: str


class Name(Branch):
    """`variable` is None for a global (or a declared type)."""

    name: str
    variable: Variable | None = None


class Field(Branch):
    object: Node
    name: str


class Index(Branch):
    object: Node
    key: Expression


class Call(Branch):
    callee: Node
    args: list[Expression]


class MethodCall(Branch):
    object: Node
    name: str
    args: list[Expression]


class Paren(Branch):
    inner: Expression


class Unary(Branch):
    op: str
    operand: Expression


class Binary(Branch):
    op: str
    left: Expression
    right: Expression
    op_at: int


class Concat(Branch):
    """A whole chain of `..`, right-associative."""

    operands: list[Expression]


class Item(Branch):
    """One item of a table constructor; `name` or `key` is set, or neither for a positional one."""

    name: str | None
    key: Expression | None
    value: Expression


class Table(Branch):
    items: list[Item]


class Cast(Branch):
    """`value :: type`, `value as type` or `value!` (then type is None).

    With form `typeof` it is `typeof(value)` as an expression: a type value, of type `any`.
    """

    value: Expression
    form: str
    type: Type | None
    op_at: int


class TypeParam(Branch):
    name: str
    constraint: Type | None


class Param(Branch):
    """A parameter of a function or of a function type; the name of a vararg is `...`, of an unnamed one None."""

    name: str | None
    type: Type | None


class Function(Branch):
    """`entry` is the token in front of the body (loops have it too), `results` None without annotation."""

    tparams: list[TypeParam]
    params: list[Param]
    results: list[Type] | None
    body: list[Node]
    entry: int


# Statements


class Local(Branch):
    names: list[Param]
    values: list[Expression]


class Assign(Branch):
    targets: list[Expression]
    values: list[Expression]


class CallStatement(Branch):
    call: Expression


class Do(Branch):
    body: list[Node]


class While(Branch):
    condition: Expression
    body: list[Node]
    entry: int


class Repeat(Branch):
    body: list[Node]
    condition: Expression
    entry: int


class Clause(Branch):
    """`if`/`elseif` with its condition, `else` without."""

    condition: Expression | None
    body: list[Node]


class If(Branch):
    clauses: list[Clause]


class NumericFor(Branch):
    name: str
    bounds: list[Expression]
    body: list[Node]
    entry: int


class GenericFor(Branch):
    names: list[str]
    values: list[Expression]
    body: list[Node]
    entry: int


class FunctionStatement(Branch):
    """`function a.b.c:m()`; `target` without the method's name."""

    target: Expression
    method: str | None
    function: Function


class LocalFunction(Branch):
    name: str
    function: Function


class Return(Branch):
    values: list[Expression]


class Break(Branch):
    pass


class Goto(Branch):
    name: str


class Label(Branch):
    """`backward`: some later goto jumps here."""

    name: str
    backward: bool = False


class TypeDeclaration(Branch):
    name: str
    params: list[TypeParam]
    type: Type
    chunk_level: bool


class Method(Branch):
    name: str
    params: list[Param]
    results: list[Type] | None


class InterfaceDeclaration(Branch):
    name: str
    params: list[TypeParam]
    bases: list[Type]
    methods: list[Method]
    chunk_level: bool


# Types


class TypeName(Branch):
    """`A`, `mod.A`, `A<T>`."""

    path: list[str]
    args: list[Type]


class LiteralType(Branch):
    """nil, true, false, a string or a number (`text` as written, numbers with sign)."""

    text: str


class ArrayType(Branch):
    item: Type


class MapType(Branch):
    key: Type
    value: Type


class TupleType(Branch):
    items: list[Type]


class RecordField(Branch):
    name: str
    optional: bool
    type: Type


class RecordType(Branch):
    """`interface`: written as `interface { … }`."""

    fields: list[RecordField]
    interface: bool


class FunctionType(Branch):
    params: list[Param]
    results: list[Type]


class OptionalType(Branch):
    inner: Type


class UnionType(Branch):
    items: list[Type]


class IntersectionType(Branch):
    items: list[Type]


class ReadonlyType(Branch):
    inner: Type


class TypeOf(Branch):
    value: Expression


class KeyOf(Branch):
    inner: Type


class IndexedType(Branch):
    object: Type
    key: Type


class ConditionalType(Branch):
    value: Type
    base: Type
    yes: Type
    no: Type


class AssertsType(Branch):
    name: str
    type: Type | None


class ConstrainedType(Branch):
    base: Type
    name: str
    args: list[Expression]


Expression = Node
Type = Node


class Chunk(Struct, eq=False):
    """A parsed chunk.

    Attributes:
        name: chunk name, an entry ID or a path.
        tokens: gives lines and columns for the token indexes in nodes.
        body: the statements.
        marks: the nodes that emission has to touch, inner before outer.
        declarations: chunk-level types and interfaces.
        type_values: the types that `typeof(…)` as an expression stands for; their `at` is that of the expression.
        requires: constant `require` calls, (name, line).
        globals: names read or written that are no local variable.
    """

    name: str
    tokens: Tokens
    body: list[Node]
    marks: list[Expression]
    declarations: list[TypeDeclaration | InterfaceDeclaration] = field(default_factory=list)
    type_values: list[TypeDeclaration] = field(default_factory=list)
    requires: list[tuple[str, int]] = field(default_factory=list)
    globals: set[str] = field(default_factory=set)
