"""Type nodes → types."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from wippy.lang import tree
from wippy.lang.check.types import (
    ANY,
    BASICS,
    NIL,
    Array,
    Function,
    Intersection,
    Literal,
    Map,
    Named,
    Parameter,
    Record,
    Tuple,
    Type,
    TypeVariable,
    Union,
    force,
    members,
    optional,
    union,
)
from wippy.lang.describe import literal

Declaration = tree.TypeDeclaration | tree.InterfaceDeclaration
Bound = dict[str, Type]


class Library(Protocol):
    """What a resolver asks of an imported library."""

    def exported(self, name: str, args: list[Type]) -> Type | None: ...


class Resolver:
    """Resolves the type nodes of one chunk.

    Args:
        declarations: chunk-level declarations.
        libraries: alias → library whose types may be named.
        unresolved: told about names that stand for nothing.
        typeof: type of an expression.
        classes: values of declared records may be objects with methods of a class.
    """

    def __init__(
        self,
        declarations: list[Declaration],
        libraries: Mapping[str, Library],
        unresolved: Callable[[tree.TypeName], None] | None = None,
        typeof: Callable[[tree.Expression], Type] | None = None,
        classes: bool = False,
    ) -> None:
        self.declared: dict[str, Declaration] = {}
        for declaration in declarations:
            self.declared.setdefault(declaration.name, declaration)
        self.libraries = libraries
        self.unresolved = unresolved
        self.typeof = typeof
        self.classes = classes
        self.locals: list[dict[str, Declaration]] = []
        self._plain: dict[int, Named] = {}

    def type(self, node: tree.Type | None, bound: Bound) -> Type:
        """The type that a node writes; `bound` holds the type parameters in scope."""
        if node is None:
            return ANY
        return _RESOLVERS[type(node)](self, node, bound)

    def named(self, name: str, args: list[Type]) -> Type | None:
        """A declared type, None where nothing of that name is declared."""
        declaration = next((scope[name] for scope in reversed(self.locals) if name in scope), self.declared.get(name))
        if declaration is None:
            return None
        if args or declaration.params:
            return self._instance(declaration, args)
        found = self._plain.get(id(declaration))
        if found is None:
            found = self._plain[id(declaration)] = self._instance(declaration, args)
        return found

    def _instance(self, declaration: Declaration, args: list[Type]) -> Named:
        bound: Bound = {}
        for index, param in enumerate(declaration.params):
            bound[param.name] = args[index] if index < len(args) else ANY
        return Named(declaration.name, args, lambda: self._declared(declaration, bound), declaration)

    def _declared(self, declaration: Declaration, bound: Bound) -> Type:
        if isinstance(declaration, tree.TypeDeclaration):
            return self.type(declaration.type, bound)
        fields: dict[str, Type] = {}
        for base in declaration.bases:
            inherited = force(self.type(base, bound))
            if isinstance(inherited, Record):
                fields.update(inherited.fields)
        for method in declaration.methods:
            made = self.signature([], method.params, method.results or [], bound)
            if made.params and made.params[0].name == "self":
                made = Function(made.params[1:], made.vararg, made.results)
            made.method = True
            fields[method.name] = made
        return Record(fields, interface=True)

    def variables(self, params: list[tree.TypeParam], bound: Bound) -> tuple[list[TypeVariable], Bound]:
        """The type parameters of a generic function, and the names in scope of it."""
        if not params:
            return [], bound
        inner = dict(bound)
        made: list[TypeVariable] = []
        for param in params:
            variable = TypeVariable(param.name, None)
            inner[param.name] = variable
            made.append(variable)
        for variable, param in zip(made, params, strict=True):
            if param.constraint is not None:
                variable.constraint = self.type(param.constraint, inner)
        return made, inner

    def signature(
        self,
        tparams: list[tree.TypeParam],
        params: list[tree.Param],
        results: list[tree.Type] | None,
        bound: Bound,
    ) -> Function:
        """The type of a function from its annotations."""
        variables, bound = self.variables(tparams, bound)
        made: list[Parameter] = []
        vararg: Type | None = None
        for param in params:
            if param.name == "...":
                vararg = self.type(param.type, bound)
            else:
                made.append(Parameter(param.name, self.type(param.type, bound), param.type is not None))
        asserts = None
        outcome: list[Type] | None = None
        if results is not None:
            outcome = []
            for result in results:
                if isinstance(result, tree.AssertsType):
                    at = next((i for i, p in enumerate(made) if p.name == result.name), None)
                    if at is not None:
                        asserts = (at, None if result.type is None else self.type(result.type, bound))
                else:
                    outcome.append(self.type(result, bound))
            if asserts is not None and not outcome:
                outcome = None
        return Function(made, vararg, outcome, tparams=variables, asserts=asserts)

    # Nodes

    def _name(self, node: tree.TypeName, bound: Bound) -> Type:
        args = [self.type(arg, bound) for arg in node.args]
        if len(node.path) > 1:
            library = self.libraries.get(node.path[0])
            found = library.exported(node.path[1], args) if library is not None and len(node.path) == 2 else None
            if library is not None and found is None and self.unresolved is not None:
                self.unresolved(node)
            return ANY if found is None else found
        name = node.path[0]
        if name in bound:
            return bound[name]
        found = self.named(name, args)
        if found is not None:
            return found
        basic = BASICS.get(name)
        if basic is not None:
            return basic
        if self.unresolved is not None and name not in _PLATFORM:
            self.unresolved(node)
        return ANY

    def _literal(self, node: tree.LiteralType, bound: Bound) -> Type:
        value = literal(node.text)
        return NIL if value is None else Literal(value)

    def _array(self, node: tree.ArrayType, bound: Bound) -> Type:
        return Array(self.type(node.item, bound))

    def _map(self, node: tree.MapType, bound: Bound) -> Type:
        return Map(self.type(node.key, bound), self.type(node.value, bound))

    def _tuple(self, node: tree.TupleType, bound: Bound) -> Type:
        return Tuple([self.type(item, bound) for item in node.items])

    def _record(self, node: tree.RecordType, bound: Bound) -> Type:
        fields: dict[str, Type] = {}
        for field in node.fields:
            inner = self.type(field.type, bound)
            fields[field.name] = optional(inner) if field.optional else inner
        return Record(fields, interface=node.interface, owner=self)

    def _function(self, node: tree.FunctionType, bound: Bound) -> Type:
        made = self.signature([], node.params, node.results, bound)
        made.surplus = bool(made.params) and made.vararg is None
        return made

    def _optional(self, node: tree.OptionalType, bound: Bound) -> Type:
        return optional(self.type(node.inner, bound))

    def _union(self, node: tree.UnionType, bound: Bound) -> Type:
        return union([self.type(item, bound) for item in node.items])

    def _intersection(self, node: tree.IntersectionType, bound: Bound) -> Type:
        return Intersection([self.type(item, bound) for item in node.items])

    def _readonly(self, node: tree.ReadonlyType, bound: Bound) -> Type:
        inner = force(self.type(node.inner, bound))
        if isinstance(inner, Array):
            return Array(inner.item, True)
        if isinstance(inner, Map):
            return Map(inner.key, inner.value, True)
        return Record(inner.fields, inner.interface, True, inner.owner) if isinstance(inner, Record) else inner

    def _typeof(self, node: tree.TypeOf, bound: Bound) -> Type:
        return self.typeof(node.value) if self.typeof is not None else ANY

    def _keyof(self, node: tree.KeyOf, bound: Bound) -> Type:
        inner = force(self.type(node.inner, bound))
        if isinstance(inner, Record) and inner.fields:
            return union([Literal(name.encode("latin-1")) for name in inner.fields])
        return ANY

    def _indexed(self, node: tree.IndexedType, bound: Bound) -> Type:
        owner = force(self.type(node.object, bound))
        key = force(self.type(node.key, bound))
        if isinstance(owner, Array):
            return owner.item
        if isinstance(owner, Map):
            return owner.value
        if isinstance(owner, Record) and isinstance(key, Literal) and isinstance(key.value, bytes):
            return owner.fields.get(key.value.decode("latin-1"), ANY)
        return ANY

    def _any(self, node: tree.Type, bound: Bound) -> Type:
        return ANY

    def _constrained(self, node: tree.ConstrainedType, bound: Bound) -> Type:
        return self.type(node.base, bound)


_PLATFORM = frozenset(("Channel",))
_RESOLVERS: dict[type, Callable[..., Type]] = {
    tree.TypeName: Resolver._name,
    tree.LiteralType: Resolver._literal,
    tree.ArrayType: Resolver._array,
    tree.MapType: Resolver._map,
    tree.TupleType: Resolver._tuple,
    tree.RecordType: Resolver._record,
    tree.FunctionType: Resolver._function,
    tree.OptionalType: Resolver._optional,
    tree.UnionType: Resolver._union,
    tree.IntersectionType: Resolver._intersection,
    tree.ReadonlyType: Resolver._readonly,
    tree.TypeOf: Resolver._typeof,
    tree.KeyOf: Resolver._keyof,
    tree.IndexedType: Resolver._indexed,
    tree.ConditionalType: Resolver._any,
    tree.AssertsType: Resolver._any,
    tree.ConstrainedType: Resolver._constrained,
}


def substitute(type: Type, bound: dict[TypeVariable, Type], depth: int = 0) -> Type:
    """The type with type parameters replaced; those not bound become `any`."""
    if depth > 20:
        return ANY

    def sub(inner: Type) -> Type:
        return substitute(inner, bound, depth + 1)

    if isinstance(type, TypeVariable):
        return bound.get(type, ANY)
    if isinstance(type, Named):
        if not type.args:
            return type
        return Named(type.name, [sub(arg) for arg in type.args], lambda: sub(type.target()), type.origin)
    if isinstance(type, Array):
        return Array(sub(type.item), type.readonly)
    if isinstance(type, Map):
        return Map(sub(type.key), sub(type.value), type.readonly)
    if isinstance(type, Tuple):
        return Tuple([sub(item) for item in type.items])
    if isinstance(type, Record):
        return Record(
            {name: sub(field) for name, field in type.fields.items()}, type.interface, type.readonly, type.owner
        )
    if isinstance(type, Union):
        return union([sub(item) for item in members(type)])
    if isinstance(type, Intersection):
        return Intersection([sub(item) for item in type.items])
    if isinstance(type, Function):
        return Function(
            [Parameter(p.name, sub(p.type), p.annotated) for p in type.params],
            None if type.vararg is None else sub(type.vararg),
            None if type.results is None else [sub(result) for result in type.results],
            method=type.method,
            asserts=type.asserts,
            surplus=type.surplus,
            name=type.name,
        )
    return type


def generic(type: Type, depth: int = 0) -> bool:
    """Whether a type parameter occurs in the type."""
    if isinstance(type, TypeVariable):
        return True
    if depth > 8:
        return False
    parts: list[Type] = []
    if isinstance(type, Named):
        parts = type.args
    elif isinstance(type, Array):
        parts = [type.item]
    elif isinstance(type, Map):
        parts = [type.key, type.value]
    elif isinstance(type, (Tuple, Union, Intersection)):
        parts = type.items
    elif isinstance(type, Record):
        parts = list(type.fields.values())
    elif isinstance(type, Function):
        parts = [param.type for param in type.params] + (type.results or [])
    return any(generic(part, depth + 1) for part in parts)
