"""The nodes of a parsed chunk. `at` is the index of a node's first token, `to` that of the token behind its last."""

from __future__ import annotations

from msgspec import Struct, field

from wippy.lang.lexer import Tokens


class Node(Struct, eq=False):
    at: int
    to: int


class Leaf(Struct, eq=False, gc=False):
    at: int
    to: int


class Variable(Struct, eq=False):
    """A local variable. `form`: local, function, param, vararg, for (numeric) or each (generic loop)."""

    name: str
    at: int
    form: str
    value: Node | None = None
    first: bool = True
    assigned: bool = False


# Expressions


class Constant(Leaf):
    """nil, true, false or `...`."""

    text: str


class Number(Leaf):
    text: str


class String(Leaf):
    """`text` is the token as written."""

    text: str


class Name(Node):
    """`variable` is None for a global (or a declared type)."""

    name: str
    variable: Variable | None = None


class Field(Node):
    object: Node
    name: str


class Index(Node):
    object: Node
    key: Expression


class Call(Node):
    callee: Node
    args: list[Expression]


class MethodCall(Node):
    object: Node
    name: str
    args: list[Expression]


class Paren(Node):
    inner: Expression


class Unary(Node):
    op: str
    operand: Expression


class Binary(Node):
    op: str
    left: Expression
    right: Expression
    op_at: int


class Concat(Node):
    """A whole chain of `..`, right-associative."""

    operands: list[Expression]


class Item(Node):
    """One item of a table constructor; `name` or `key` is set, or neither for a positional one."""

    name: str | None
    key: Expression | None
    value: Expression


class Table(Node):
    items: list[Item]


class Cast(Node):
    """`value :: type`, `value as type` or `value!` (then type is None)."""

    value: Expression
    form: str
    type: Type | None
    op_at: int


class TypeParam(Node):
    name: str
    constraint: Type | None


class Param(Node):
    """A parameter of a function or of a function type; the name of a vararg is `...`, of an unnamed one None."""

    name: str | None
    type: Type | None


class Function(Node):
    """`entry` is the token in front of the body (loops have it too), `results` None without annotation."""

    tparams: list[TypeParam]
    params: list[Param]
    results: list[Type] | None
    body: list[Node]
    entry: int


# Statements


class Local(Node):
    names: list[Param]
    values: list[Expression]


class Assign(Node):
    targets: list[Expression]
    values: list[Expression]


class CallStatement(Node):
    call: Expression


class Do(Node):
    body: list[Node]


class While(Node):
    condition: Expression
    body: list[Node]
    entry: int


class Repeat(Node):
    body: list[Node]
    condition: Expression
    entry: int


class Clause(Node):
    """`if`/`elseif` with its condition, `else` without."""

    condition: Expression | None
    body: list[Node]


class If(Node):
    clauses: list[Clause]


class NumericFor(Node):
    name: str
    bounds: list[Expression]
    body: list[Node]
    entry: int


class GenericFor(Node):
    names: list[str]
    values: list[Expression]
    body: list[Node]
    entry: int


class FunctionStatement(Node):
    """`function a.b.c:m()`; `target` without the method's name."""

    target: Expression
    method: str | None
    function: Function


class LocalFunction(Node):
    name: str
    function: Function


class Return(Node):
    values: list[Expression]


class Break(Node):
    pass


class Goto(Node):
    name: str


class Label(Node):
    """`backward`: some later goto jumps here."""

    name: str
    backward: bool = False


class TypeDeclaration(Node):
    name: str
    params: list[TypeParam]
    type: Type
    chunk_level: bool


class Method(Node):
    name: str
    params: list[Param]
    results: list[Type] | None


class InterfaceDeclaration(Node):
    name: str
    params: list[TypeParam]
    bases: list[Type]
    methods: list[Method]
    chunk_level: bool


# Types


class TypeName(Node):
    """`A`, `mod.A`, `A<T>`."""

    path: list[str]
    args: list[Type]


class LiteralType(Node):
    """nil, true, false, a string or a number (`text` as written, numbers with sign)."""

    text: str


class ArrayType(Node):
    item: Type


class MapType(Node):
    key: Type
    value: Type


class TupleType(Node):
    items: list[Type]


class RecordField(Node):
    name: str
    optional: bool
    type: Type


class RecordType(Node):
    """`interface`: written as `interface { … }`."""

    fields: list[RecordField]
    interface: bool


class FunctionType(Node):
    params: list[Param]
    results: list[Type]


class OptionalType(Node):
    inner: Type


class UnionType(Node):
    items: list[Type]


class IntersectionType(Node):
    items: list[Type]


class ReadonlyType(Node):
    inner: Type


class TypeOf(Node):
    value: Expression


class KeyOf(Node):
    inner: Type


class IndexedType(Node):
    object: Type
    key: Type


class ConditionalType(Node):
    value: Type
    base: Type
    yes: Type
    no: Type


class AssertsType(Node):
    name: str
    type: Type | None


class ConstrainedType(Node):
    base: Type
    name: str
    args: list[Expression]


Expression = Node | Leaf
Type = Node


class Chunk(Struct, eq=False):
    """A parsed chunk.

    Attributes:
        name: chunk name, an entry ID or a path.
        tokens: gives lines and columns for the token indexes in nodes.
        body: the statements.
        marks: the nodes that emission has to touch, inner before outer.
        declarations: chunk-level types and interfaces.
        requires: constant `require` calls, (name, line).
        globals: names read or written that are no local variable.
    """

    name: str
    tokens: Tokens
    body: list[Node]
    marks: list[Expression]
    declarations: list[TypeDeclaration | InterfaceDeclaration] = field(default_factory=list)
    requires: list[tuple[str, int]] = field(default_factory=list)
    globals: set[str] = field(default_factory=set)
