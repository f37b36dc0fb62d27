"""What a value of a type has under a name."""

from __future__ import annotations

from wippy.lang.check.prelude import STRING_FUNCTIONS
from wippy.lang.check.types import (
    ABSENT,
    ANY,
    BOOLEAN,
    NIL,
    NUMBERS,
    STRING,
    UNKNOWN,
    Array,
    Function,
    Intersection,
    Literal,
    Map,
    Open,
    Parameter,
    Record,
    Type,
    TypeVariable,
    Union,
    force,
    members,
    union,
)


def member(type: Type, name: str, depth: int = 0) -> Type | None:
    """The type of a field or method; ANY where anything may stand there, None where nothing can."""
    type = force(type)
    if depth > 20:
        return ANY
    if isinstance(type, Record):
        found = type.fields.get(name)
        return ANY if found is None and type.interface else found
    if isinstance(type, Open):
        return type.functions.get(name, ANY)
    if isinstance(type, Map):
        return union((type.value, ABSENT))
    if type is STRING or (isinstance(type, Literal) and isinstance(type.value, bytes)):
        return STRING_FUNCTIONS.get(name)
    if type in NUMBERS or type is BOOLEAN or isinstance(type, Literal):
        return None
    if isinstance(type, Intersection):
        for item in type.items:
            found = member(item, name, depth + 1)
            if found is not None:
                return found
        return None
    if isinstance(type, Union):
        return _of_union(type, name, depth)
    if isinstance(type, TypeVariable) and type.constraint is not None:
        return member(type.constraint, name, depth + 1)
    return ANY


def _of_union(type: Union, name: str, depth: int) -> Type | None:
    found: list[Type | None] = []
    for item in members(type):
        if force(item) in (NIL, ABSENT):
            continue
        found.append(member(item, name, depth + 1))
    known = [each for each in found if each is not None]
    if not known:
        return None if found else ANY
    return union(known) if len(known) == len(found) else ANY


def element(type: Type, key: Type) -> Type:
    """The type of `value[key]` where it can be read at all."""
    type = force(type)
    if isinstance(type, Array):
        return union((type.item, ABSENT)) if force(key) in NUMBERS or isinstance(key, Literal) else ANY
    if isinstance(type, Map):
        return union((type.value, ABSENT))
    if isinstance(type, Union):
        parts = [element(item, key) for item in members(type) if force(item) not in (NIL, ABSENT)]
        return union(parts) if parts else ANY
    return ANY


def barrier(type: Type) -> str | None:
    """Why nothing can be read from a value: `nil`, `optional`, `unknown`, `number`, `boolean`; None if it can."""
    type = force(type)
    if type is NIL:
        return "nil"
    if type is UNKNOWN:
        return "unknown"
    if type in NUMBERS or (isinstance(type, Literal) and type.base in NUMBERS):
        return "number"
    if type is BOOLEAN or (isinstance(type, Literal) and type.base is BOOLEAN):
        return "boolean"
    if isinstance(type, Union):
        reasons = [barrier(item) for item in members(type) if force(item) is not ABSENT]
        if "nil" in reasons:
            return "optional" if any(reason is None for reason in reasons) else "nil"
        return reasons[0] if reasons and all(reasons) else None
    return None


def with_self(function: Function) -> Function:
    """A method as the plain function that it is when read with a dot."""
    return Function(
        [Parameter("self", ANY, False), *function.params],
        function.vararg,
        function.results,
        tparams=function.tparams,
        asserts=None,
        surplus=function.surplus,
        name=function.name,
    )


def without_self(function: Function) -> Function | None:
    """A function as called with `:`; None where its first parameter is not known to be the object."""
    if function.method:
        return function
    if not function.params or function.params[0].name != "self":
        return None
    return Function(
        function.params[1:],
        function.vararg,
        function.results,
        tparams=function.tparams,
        surplus=function.surplus and len(function.params) > 1,
        name=function.name,
    )
