"""Whether a value of one type may stand where another is expected. Whatever is not certain may."""

from __future__ import annotations

from typing import Any

from wippy.lang.check.types import (
    ABSENT,
    ANY,
    BOOLEAN,
    ERROR,
    FUNCTION,
    INTEGER,
    NEVER,
    NIL,
    NUMBER,
    QUOTIENT,
    STRING,
    TABLE,
    UNKNOWN,
    USERDATA,
    Array,
    Basic,
    Function,
    Intersection,
    Literal,
    Map,
    Open,
    Record,
    Tuple,
    Type,
    TypeValue,
    TypeVariable,
    Union,
    admits_nil,
    force,
    identity,
    members,
    without_nil,
)

_TABLES = (Array, Map, Tuple, Record, Open)
_LIMIT = 60
_PAIRS = 5000


def fits(source: Type, target: Type) -> bool:
    """Whether every value of `source` may be taken for a `target`, as far as one can know."""
    if source is target or source is ANY or target is ANY:
        return True
    return _Relation().fits(source, target)


class _Relation:
    def __init__(self) -> None:
        # Outcomes; True while one is being found. The types are kept so that their ids stay theirs.
        self.known: dict[tuple[Any, Any], tuple[bool, Type, Type]] = {}
        self.depth = 0

    def fits(self, source: Type, target: Type) -> bool:
        if source is target or source is ANY or target is ANY or source is NEVER or source is ABSENT:
            return True
        pair = (identity(source), identity(target))
        held = self.known.get(pair)
        if held is not None:
            return held[0]
        if self.depth > _LIMIT or len(self.known) > _PAIRS:
            return True
        self.known[pair] = (True, source, target)
        self.depth += 1
        outcome = self._fits(force(source), force(target))
        self.depth -= 1
        self.known[pair] = (outcome, source, target)
        return outcome

    def _fits(self, source: Type, target: Type) -> bool:
        if source is target or source in (ANY, NEVER, ABSENT) or target in (ANY, UNKNOWN):
            return True
        if source is UNKNOWN:
            return isinstance(target, TypeVariable)
        if isinstance(target, TypeVariable):
            return True
        if isinstance(source, TypeVariable):
            return True
        if isinstance(source, Union):
            if _takes_text(target) and _error_result(source):
                return True
            return all(self.fits(item, target) for item in source.items)
        if isinstance(target, Intersection):
            return all(self.fits(source, item) for item in target.items)
        if isinstance(target, Union):
            if source is BOOLEAN and _has_both(target):
                return True
            return any(self.fits(source, item) for item in target.items)
        if isinstance(source, Intersection):
            return any(self.fits(item, target) for item in source.items) or all(
                isinstance(force(item), Record) for item in source.items
            )
        if isinstance(source, Literal):
            return self._literal(source, target)
        if isinstance(source, TypeValue) or isinstance(target, TypeValue):
            return not isinstance(target, (Literal, Array, Map))
        if isinstance(source, Basic) or isinstance(target, (Basic, Literal)):
            return self._basic(source, target)
        if isinstance(source, Function) or isinstance(target, Function):
            if isinstance(source, Function) and isinstance(target, Function):
                return self._function(source, target)
            return False if isinstance(source, Function) else not isinstance(source, (Array, Map, Tuple))
        return self._table(source, target)

    def _literal(self, source: Literal, target: Type) -> bool:
        if isinstance(target, Literal):
            return source.same(target)
        base = source.base
        if target is base:
            return True
        if target is INTEGER:
            return isinstance(source.value, float) and source.value.is_integer()
        return self._basic(base, target)

    def _basic(self, source: Type, target: Type) -> bool:
        if target in (NUMBER, QUOTIENT):
            return source in (INTEGER, NUMBER, QUOTIENT)
        if target is INTEGER:
            return source is QUOTIENT
        if target is STRING or target is USERDATA:
            return source is ERROR
        if target is ERROR:
            return source is USERDATA
        if target is TABLE:
            return isinstance(source, _TABLES)
        if target is FUNCTION:
            return isinstance(source, Function)
        if source is TABLE:
            return isinstance(target, _TABLES)
        if source is FUNCTION:
            return isinstance(target, Function)
        if source in (USERDATA, ERROR):
            return isinstance(target, Record) and (target.interface or not target.fields)
        return False

    def _table(self, source: Type, target: Type) -> bool:
        if isinstance(source, Open) or isinstance(target, Open):
            return True
        if isinstance(target, Record):
            return self._record(source, target)
        if isinstance(target, Array):
            if isinstance(source, Array):
                return self._part(source.item, target.item, target.readonly)
            if isinstance(source, Tuple):
                return all(self.fits(item, target.item) for item in source.items)
            if isinstance(source, Record):
                return source.interface or all(admits_nil(field) for field in source.fields.values())
            return not isinstance(source, Map) or _maybe_numbers(source.key)
        if isinstance(target, Map):
            if isinstance(source, Map):
                return self._part(source.key, target.key, target.readonly) and self._part(
                    source.value, target.value, target.readonly
                )
            if isinstance(source, Array):
                return not _only_strings(target.key)
            if isinstance(source, Record) and not source.interface and _only_strings(target.key):
                return all(self.fits(field, target.value) for field in source.fields.values())
            return True
        if isinstance(target, Tuple) and isinstance(source, Tuple):
            if len(source.items) < len(target.items):
                return False
            return all(map(self.fits, source.items, target.items))
        return True

    def _part(self, source: Type, target: Type, readonly: bool) -> bool:
        """Items of a container that others may write are the same type both ways."""
        source, target = without_nil(source), without_nil(target)
        if not self.fits(source, target):
            return False
        return readonly or self.fits(target, source)

    def _record(self, source: Type, target: Record) -> bool:
        if target.interface:
            return True
        if not isinstance(source, Record):
            return not any(not admits_nil(field) for field in target.fields.values()) or isinstance(source, Map)
        if source.interface:
            return True
        for name, wanted in target.fields.items():
            held = source.fields.get(name)
            if held is None:
                if not admits_nil(wanted):
                    return False
            elif not self.fits(held, wanted):
                return False
        return True

    def _function(self, source: Function, target: Function) -> bool:
        if source.tparams or target.tparams:
            return True
        for index, param in enumerate(source.params):
            if index < len(target.params):
                if not self.fits(target.params[index].type, param.type):
                    return False
            elif target.vararg is not None:
                break
            elif not admits_nil(param.type) and param.annotated:
                return False
        if source.results is None or target.results is None:
            return True
        for index, wanted in enumerate(target.results):
            if index < len(source.results):
                if not self.fits(source.results[index], wanted):
                    return False
            elif not admits_nil(wanted):
                return False
        return True


def _has_both(target: Union) -> bool:
    values = {item.value for item in target.items if isinstance(item, Literal) and isinstance(item.value, bool)}
    return len(values) == 2


def _only_strings(key: Type) -> bool:
    items = key.items if isinstance(key, Union) else [key]
    return all(force(item) is STRING or (isinstance(item, Literal) and isinstance(item.value, bytes)) for item in items)


def _maybe_numbers(key: Type) -> bool:
    return not _only_strings(key)


def _takes_text(target: Type) -> bool:
    return any(force(item) is STRING for item in members(target))


def _error_result(source: Union) -> bool:
    """`error` and `error?` pass as a text, tested or not."""
    items = [force(item) for item in source.items]
    return ERROR in items and all(item in (ERROR, NIL) for item in items)
