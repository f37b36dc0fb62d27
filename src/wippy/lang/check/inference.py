"""What the parameters of a generic type stand for."""

from __future__ import annotations

from typing import Any

from wippy.lang.check.fits import fits
from wippy.lang.check.resolve import generic, substitute
from wippy.lang.check.types import (
    ANY,
    Array,
    Function,
    Map,
    Named,
    Record,
    Type,
    TypeVariable,
    Union,
    force,
    identity,
    is_optional,
    members,
    union,
    widened,
    without_nil,
)

_BINDINGS = 500


def filled(type: Type, bound: dict[TypeVariable, Type]) -> Type:
    """The type with what is bound in place of its parameters."""
    return substitute(type, bound) if generic(type) else type


def bind(wanted: Type, given: Type, bound: dict[TypeVariable, Type], seen: set[Any] | None = None) -> None:
    """Finds what the type parameters in `wanted` stand for when a `given` is passed."""
    seen = set() if seen is None else seen
    pair = (identity(wanted), identity(given))
    if pair in seen or len(seen) > _BINDINGS:
        return
    seen.add(pair)
    if isinstance(wanted, TypeVariable):
        given = widened(given)
        held = bound.get(wanted)
        if held is None or given is ANY:
            bound[wanted] = given
        elif held is not given and not fits(given, held):
            bound[wanted] = union((held, given)) if fits(held, given) is False else given
        return
    if isinstance(wanted, Named) and isinstance(given, Named) and wanted.name == given.name and wanted.args:
        for each, other in zip(wanted.args, given.args, strict=False):
            bind(each, other, bound, seen)
        return
    wanted, held_given = force(wanted), force(given)
    if isinstance(wanted, Union):
        parts = [item for item in members(wanted) if generic(item)]
        if len(parts) == 1:
            bind(parts[0], without_nil(given) if is_optional(wanted) else given, bound, seen)
        return
    if isinstance(wanted, Array):
        if isinstance(held_given, Array):
            bind(wanted.item, held_given.item, bound, seen)
    elif isinstance(wanted, Map):
        if isinstance(held_given, Map):
            bind(wanted.key, held_given.key, bound, seen)
            bind(wanted.value, held_given.value, bound, seen)
        elif isinstance(held_given, Record):
            bind(wanted.value, union(held_given.fields.values()), bound, seen)
    elif isinstance(wanted, Record):
        if isinstance(held_given, Record):
            for name, field in wanted.fields.items():
                if name in held_given.fields:
                    bind(field, held_given.fields[name], bound, seen)
    elif isinstance(wanted, Function) and isinstance(held_given, Function):
        for param, other in zip(wanted.params, held_given.params, strict=False):
            if other.annotated and other.type is not ANY:
                bind(param.type, other.type, bound, seen)
        if wanted.results:
            for index, result in enumerate(wanted.results):
                if held_given.results is not None and index < len(held_given.results):
                    bind(result, held_given.results[index], bound, seen)
                else:
                    bind(result, ANY, bound, seen)
