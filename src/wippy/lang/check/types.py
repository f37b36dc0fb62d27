"""The types that the checker computes with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


class Type:
    """Base of all types."""

    __slots__ = ()


class Basic(Type):
    """A type without parts; each is one object."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


ANY = Basic("any")
UNKNOWN = Basic("unknown")
NEVER = Basic("never")
NIL = Basic("nil")
BOOLEAN = Basic("boolean")
NUMBER = Basic("number")
INTEGER = Basic("integer")
STRING = Basic("string")
TABLE = Basic("table")
FUNCTION = Basic("function")
THREAD = Basic("thread")
USERDATA = Basic("userdata")
ERROR = Basic("error")
# A number that may well be whole: results of / and ^, of math functions.
QUOTIENT = Basic("number")
# The nil that an element of an array or map may turn out to be: it may be tested for and may be passed over.
ABSENT = Basic("nil")

BASICS: dict[str, Type] = {
    **{
        basic.name: basic
        for basic in (ANY, UNKNOWN, NEVER, NIL, BOOLEAN, NUMBER, INTEGER, STRING, TABLE, FUNCTION, THREAD, USERDATA)
    },
    "error": ERROR,
    "bool": BOOLEAN,
    "int": INTEGER,
}
NUMBERS = frozenset((NUMBER, INTEGER, QUOTIENT))


class Literal(Type):
    """One value: True, False, bytes, int or float."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    @property
    def base(self) -> Type:
        value = self.value
        if isinstance(value, bool):
            return BOOLEAN
        if isinstance(value, int):
            return INTEGER
        return STRING if isinstance(value, bytes) else NUMBER

    def same(self, other: Literal) -> bool:
        return (
            self.value == other.value
            and isinstance(self.value, bool) == isinstance(other.value, bool)
            and isinstance(self.value, bytes) == isinstance(other.value, bytes)
        )


TRUE = Literal(True)
FALSE = Literal(False)


class Array(Type):
    __slots__ = ("item", "readonly")

    def __init__(self, item: Type, readonly: bool = False) -> None:
        self.item = item
        self.readonly = readonly


class Map(Type):
    __slots__ = ("key", "readonly", "value")

    def __init__(self, key: Type, value: Type, readonly: bool = False) -> None:
        self.key = key
        self.value = value
        self.readonly = readonly


class Tuple(Type):
    __slots__ = ("items",)

    def __init__(self, items: list[Type]) -> None:
        self.items = items


class Record(Type):
    """A declared record. An optional field's type admits nil.

    Attributes:
        interface: any table may implement it.
        owner: the resolver that made it, which knows whether its values may be objects of a class.
    """

    __slots__ = ("fields", "interface", "owner", "readonly")

    def __init__(
        self, fields: dict[str, Type], interface: bool = False, readonly: bool = False, owner: Any = None
    ) -> None:
        self.owner = owner
        self.fields = fields
        self.interface = interface
        self.readonly = readonly


class Open(Type):
    """A table that nobody declared: anything may be in it.

    Attributes:
        functions: the functions that are certainly there.
        literal: made by a table constructor.
        frozen: name of a module or library, which nobody can write to; "" for other tables.
        whole: nothing but `functions` is in it.
    """

    __slots__ = ("frozen", "functions", "literal", "whole")

    def __init__(
        self, functions: dict[str, Type] | None = None, literal: bool = True, frozen: str = "", whole: bool = False
    ) -> None:
        self.functions = functions or {}
        self.literal = literal
        self.frozen = frozen
        self.whole = whole


class Parameter(Type):
    """One parameter; `type` is ANY and `annotated` False without annotation."""

    __slots__ = ("annotated", "name", "type")

    def __init__(self, name: str | None, type: Type, annotated: bool = True) -> None:
        self.name = name
        self.type = type
        self.annotated = annotated


class Function(Type):
    """A function.

    Attributes:
        vararg: type of further arguments, None where there can be none.
        results: None where nothing is known about them.
        method: called with `:`, `self` is not among the parameters.
        asserts: (index of a parameter, type or None for truthy) that holds after a call.
        surplus: more arguments than parameters are a mistake.
    """

    __slots__ = ("asserts", "method", "name", "params", "results", "surplus", "tparams", "vararg")

    def __init__(
        self,
        params: list[Parameter],
        vararg: Type | None,
        results: list[Type] | None,
        *,
        tparams: list[TypeVariable] | None = None,
        method: bool = False,
        asserts: tuple[int, Type | None] | None = None,
        surplus: bool | None = None,
        name: str = "",
    ) -> None:
        self.params = params
        self.vararg = vararg
        self.results = results
        self.tparams = tparams or []
        self.method = method
        self.asserts = asserts
        self.surplus = (
            bool(params) and vararg is None and all(param.annotated for param in params) if surplus is None else surplus
        )
        self.name = name


class Union(Type):
    __slots__ = ("items",)

    def __init__(self, items: list[Type]) -> None:
        self.items = items


class Intersection(Type):
    __slots__ = ("items",)

    def __init__(self, items: list[Type]) -> None:
        self.items = items


class TypeVariable(Type):
    """A parameter of a generic type or function."""

    __slots__ = ("constraint", "name")

    def __init__(self, name: str, constraint: Type | None) -> None:
        self.name = name
        self.constraint = constraint


class Named(Type):
    """A declared type by its name; what it stands for is resolved when it is asked for.

    Attributes:
        origin: its declaration; instances of one declaration with the same arguments are the same type.
    """

    __slots__ = ("_busy", "_make", "_target", "args", "name", "origin")

    def __init__(self, name: str, args: list[Type], make: Callable[[], Type], origin: Any) -> None:
        self.name = name
        self.args = args
        self.origin = origin
        self._make: Callable[[], Type] | None = make
        self._target: Type = ANY
        self._busy = False

    def target(self) -> Type:
        if self._make is not None:
            if self._busy:
                return ANY
            self._busy = True
            self._target = self._make()
            self._make = None
            self._busy = False
        return self._target


class TypeValue(Type):
    """A type used as a value: `T(v)`, `T:is(v)`."""

    __slots__ = ("type",)

    def __init__(self, type: Type) -> None:
        self.type = type


def force(type: Type) -> Type:
    """The type behind names."""
    for _ in range(100):
        if not isinstance(type, Named):
            return type
        type = type.target()
    return ANY


def identity(type: Type, depth: int = 0) -> Any:
    """A key that is the same for types which are written in the same way, as far as that is worth finding out."""
    if depth > _DEPTH:
        return id(type)
    if isinstance(type, Named):
        return (id(type.origin), *(identity(arg, depth + 1) for arg in type.args))
    if isinstance(type, Array):
        return ("array", type.readonly, identity(type.item, depth + 1))
    if isinstance(type, Map):
        return ("map", type.readonly, identity(type.key, depth + 1), identity(type.value, depth + 1))
    if isinstance(type, Union):
        return ("union", *(identity(item, depth + 1) for item in type.items))
    if isinstance(type, Literal):
        return ("literal", type.base.name, type.value)  # type: ignore[attr-defined]
    return id(type)


_DEPTH = 8


def union(items: Iterable[Type]) -> Type:
    """A union, flat and without duplicates; `any` swallows all."""
    found: list[Type] = []
    for item in items:
        if item is ANY:
            return ANY
        if item is NEVER:
            continue
        parts = item.items if isinstance(item, Union) else [item]
        for part in parts:
            if part is ANY:
                return ANY
            if isinstance(part, Literal):
                if part.base in found or any(isinstance(f, Literal) and f.same(part) for f in found):
                    continue
            elif part in found:
                continue
            found.append(part)
    if not found:
        return NEVER
    return found[0] if len(found) == 1 else Union(found)


def members(type: Type) -> list[Type]:
    """The members of a union behind its names, else the type itself; boolean stays whole."""
    type = force(type)
    if not isinstance(type, Union):
        return [type]
    if not any(isinstance(item, Named) and isinstance(force(item), Union) for item in type.items):
        return type.items
    out: list[Type] = []
    seen: set[int] = {id(type)}
    stack = list(reversed(type.items))
    while stack:
        item = stack.pop()
        forced = force(item)
        if not isinstance(forced, Union):
            out.append(item)
        elif id(forced) not in seen:
            seen.add(id(forced))
            stack.extend(reversed(forced.items))
    return out


def optional(type: Type) -> Type:
    return union((type, NIL))


def admits_nil(type: Type) -> bool:
    """Whether nil is surely a value of the type, or nothing is known."""
    return any(force(item) in (NIL, ABSENT, ANY, UNKNOWN) for item in members(type))


def is_optional(type: Type) -> bool:
    """Whether nil was declared as one of the values."""
    return any(force(item) is NIL for item in members(type))


def without(type: Type, test: Callable[[Type], bool]) -> Type:
    """The type without the members for which the test holds."""
    items = members(type)
    kept = [item for item in items if not test(force(item))]
    if len(kept) == len(items):
        return type
    return union(kept)


def without_nil(type: Type) -> Type:
    return without(type, lambda item: item is NIL or item is ABSENT)


def truthy(type: Type) -> Type:
    """The part of a type that is neither nil nor false."""
    if force(type) is BOOLEAN:
        return TRUE
    items = [TRUE if force(item) is BOOLEAN else item for item in members(type)]
    kept = [item for item in items if not _never_true(force(item))]
    return type if len(kept) == len(items) and BOOLEAN not in members(type) else union(kept)


def falsy(type: Type) -> Type:
    """The part of a type that is nil or false."""
    kept: list[Type] = []
    for item in members(type):
        forced = force(item)
        if forced in (ANY, UNKNOWN):
            return ANY
        if forced is BOOLEAN:
            kept.append(FALSE)
        elif _never_true(forced):
            kept.append(item)
        elif isinstance(forced, (TypeVariable, Intersection)):
            return ANY
    return union(kept)


def _never_true(type: Type) -> bool:
    return type is NIL or type is ABSENT or (isinstance(type, Literal) and type.value is False)


def widened(type: Type) -> Type:
    """Literals become their base types."""
    if isinstance(type, Literal):
        return type.base
    if isinstance(type, Union):
        return union(item.base if isinstance(item, Literal) else item for item in type.items)
    return type
