"""What a condition tells about the variables and fields in it."""

from __future__ import annotations

from operator import is_
from typing import Any

from wippy.lang import tree
from wippy.lang.check.core import Core, Env
from wippy.lang.check.fits import fits
from wippy.lang.check.members import element, member
from wippy.lang.check.survey import field_name
from wippy.lang.check.types import (
    ABSENT,
    ANY,
    BOOLEAN,
    ERROR,
    FALSE,
    FUNCTION,
    NEVER,
    NIL,
    NUMBER,
    NUMBERS,
    STRING,
    TABLE,
    THREAD,
    TRUE,
    UNKNOWN,
    USERDATA,
    Array,
    Function,
    Literal,
    Map,
    Open,
    Record,
    Tuple,
    Type,
    TypeValue,
    Union,
    admits_nil,
    falsy,
    force,
    members,
    truthy,
    union,
    widened,
    without,
    without_nil,
)
from wippy.lang.describe import literal
from wippy.lang.tree import Expression

_DEPTH = 40
# Each `and`/`or` is followed on two ways: conditions that nest many of them are followed only so far.
_STEPS = 300
_TABLES = (Array, Map, Tuple, Record, Open)
_BY_NAME: dict[bytes, Type] = {
    b"string": STRING,
    b"number": NUMBER,
    b"boolean": BOOLEAN,
    b"nil": NIL,
    b"function": FUNCTION,
    b"thread": THREAD,
    b"userdata": ANY,
    b"table": TABLE,
}


class Narrowing(Core):
    """Conditions."""

    steps = 0

    def refine(self, node: Expression, outcome: bool, env: Env, depth: int = 0) -> Env | None:
        """The env, changed in place, where `node` has turned out true or false; None where it never does."""
        while isinstance(node, (tree.Paren, tree.Cast)):
            node = node.inner if isinstance(node, tree.Paren) else node.value
        kind = type(node)
        self.steps = self.steps + 1 if depth else 0
        if depth > _DEPTH or self.steps > _STEPS:
            return env
        if kind is tree.Unary and node.op == "not":  # type: ignore[attr-defined]
            return self.refine(node.operand, not outcome, env, depth + 1)  # type: ignore[attr-defined]
        if isinstance(node, tree.Binary):
            if node.op in ("and", "or"):
                return self._logical(node, outcome, env, depth)
            if node.op in ("==", "~="):
                return self._equality(node, (node.op == "==") is outcome, env)
            return env
        if isinstance(node, tree.Constant):
            never = (node.text in ("nil", "false")) if outcome else node.text == "true"
            return None if never else env
        if isinstance(node, (tree.Name, tree.Field, tree.Index)):
            return self._truth(node, outcome, env, depth)
        if isinstance(node, tree.MethodCall) and node.name == "is" and node.args:
            checked = self.type_named(node.object)
            if checked is not None:
                return self.narrow_to(node.args[0], checked, outcome, env)
        if isinstance(node, (tree.Number, tree.String, tree.Table, tree.Function, tree.Concat)) and not outcome:
            return None
        return env

    def _logical(self, node: tree.Binary, outcome: bool, env: Env, depth: int) -> Env | None:
        if (node.op == "and") is outcome:
            first = self.refine(node.left, outcome, env, depth + 1)
            return None if first is None else self.refine(node.right, outcome, first, depth + 1)
        short = self.refine(node.left, outcome, dict(env), depth + 1)
        on = self.refine(node.left, not outcome, dict(env), depth + 1)
        if on is not None:
            on = self.refine(node.right, outcome, on, depth + 1)
        return self.join(short, on)

    def _truth(self, node: Expression, outcome: bool, env: Env, depth: int) -> Env | None:
        key = self.key(node)
        if key is None:
            return env
        now = self.peek(node, env)
        if now is None:
            # An unknown field that is tested: there, and anything, when it is true.
            if outcome:
                env[key] = ANY
            return env
        then = truthy(now) if outcome else falsy(now)
        if then is NEVER and now is not NEVER:
            return None
        if then is not now and then is not ANY:
            env[key] = then
        if type(key) is int:
            condition = env.get(("cond", key))
            if condition is not None:
                return self.refine(condition[0], outcome, env, depth + 1)
            self._pairs(key, outcome, env)
        elif (name := field_name(node)) is not None:
            owner = node.object  # type: ignore[attr-defined]
            test = (lambda t: truthy(t) is NEVER) if outcome else (lambda t: falsy(t) is NEVER)
            self._discriminate(owner, name, test, env)
        return env

    def _pairs(self, at: int, there: bool, env: Env) -> None:
        """`value, err` of one call: one of them is nil."""
        if there:
            return
        checked = env.get(("is", at))
        if checked is not None:
            call = checked[0]
            self.narrow_to(call.args[0], self.type_named(call.object) or ANY, True, env)
        pair = env.get(("pair", at))
        if pair is None:
            return
        for other in pair:
            env[other] = without_nil(self.variable(other, env))

    def _discriminate(self, owner: Expression, name: str, excluded: Any, env: Env) -> None:
        """Drops the members of a union of records whose field is excluded by a test."""
        key = self.key(owner)
        if key is None:
            return
        now = self.peek(owner, env)
        if now is None or not isinstance(force(now), Union):
            return

        def gone(item: Type) -> bool:
            if not isinstance(item, Record) or item.interface:
                return False
            field = item.fields.get(name, NIL)
            return bool(excluded(field))

        kept = without(now, gone)
        if kept is not now:
            env[key] = kept if kept is not NEVER else NEVER

    def _equality(self, node: tree.Binary, equal: bool, env: Env) -> Env | None:
        left, right = _bare(node.left), _bare(node.right)
        value = self._constant(right)
        if value is None:
            value = self._constant(left)
            if value is not None:
                left = right
            else:
                return self._same(left, right, equal, env)
        tested = self._type_call(left, env)
        if tested is not None:
            return self._by_name(tested, value, equal, env)
        key = self.key(left)
        if key is None:
            return env
        now = self.peek(left, env)
        if now is None:
            if equal is not (value is NIL):
                env[key] = ANY
            return env
        then = _equal(now, value) if equal else _unequal(now, value)
        if then is NEVER and now is not NEVER:
            return None
        if then is not now:
            env[key] = then
        if type(key) is int:
            if value is NIL:
                self._pairs(key, not equal, env)
            elif isinstance(value, Literal) and value.value is True and ("cond", key) in env:
                return self.refine(left, equal, env, _DEPTH - 2)
        elif (name := field_name(left)) is not None:
            owner = left.object  # type: ignore[attr-defined]
            test = (lambda t: _equal(t, value) is NEVER) if equal else (lambda t: _unequal(t, value) is NEVER)
            self._discriminate(owner, name, test, env)
            narrowed = self.key(owner)
            if narrowed is not None and env.get(narrowed) is NEVER:
                return None
        return env

    def _same(self, left: Expression, right: Expression, equal: bool, env: Env) -> Env | None:
        """Equal to something that is not nil."""
        if not equal:
            return env
        for one, other in ((left, right), (right, left)):
            key = self.key(one)
            if key is None:
                continue
            now, against = self.peek(one, env), self.peek(other, env)
            if now is None or against is None or admits_nil(against) or not admits_nil(now):
                continue
            env[key] = without_nil(now)
        return env

    def _by_name(self, tested: Expression, value: Type, equal: bool, env: Env) -> Env | None:
        """`type(x) == "name"`."""
        key = self.key(tested)
        if key is None or not isinstance(value, Literal) or not isinstance(value.value, bytes):
            return env
        target = {b"integer": NUMBER, b"float": NUMBER}.get(value.value) or _BY_NAME.get(value.value)
        now = self.peek(tested, env)
        if now is None:
            if equal and value.value != b"nil":
                env[key] = ANY
            return env
        if target is None or (not equal and value.value in (b"integer", b"float")):
            return env
        return self._put(key, now, _of_kind(now, target, equal), env)

    def narrow_to(self, node: Expression, target: Type, outcome: bool, env: Env) -> Env | None:
        """`x` has turned out to be a `target`, or not to be one."""
        key = self.key(_bare(node))
        if key is None:
            return env
        now = self.peek(_bare(node), env)
        if now is None:
            now = ANY
        if outcome:
            if force(now) in (ANY, UNKNOWN, TABLE) or isinstance(force(now), Open):
                then: Type = target
            else:
                kept = [item for item in members(now) if fits(item, target)]
                then = union(kept) if kept else target
        else:
            wanted = force(target)
            then = without(now, lambda item: item is wanted)
        return self._put(key, now, then, env)

    def _put(self, key: Any, now: Type, then: Type, env: Env) -> Env | None:
        if then is NEVER and now is not NEVER:
            return None
        if then is not now:
            env[key] = then
        return env

    def _constant(self, node: Expression) -> Type | None:
        if isinstance(node, tree.Constant) and node.text != "...":
            return {"nil": NIL, "true": TRUE, "false": FALSE}[node.text]
        if isinstance(node, (tree.String, tree.Number)):
            return Literal(literal(node.text))
        return None

    def _type_call(self, node: Expression, env: Env) -> Expression | None:
        """The x of `type(x)` and `math.type(x)`, or of a local that holds it."""
        if isinstance(node, tree.Name) and node.variable is not None:
            held = env.get(("type", node.variable.at))
            return held[0] if held is not None else None
        if not isinstance(node, tree.Call) or len(node.args) != 1:
            return None
        callee = node.callee
        if isinstance(callee, tree.Field):
            owner = callee.object
            known = callee.name == "type" and isinstance(owner, tree.Name) and owner.name == "math"
        else:
            known = isinstance(callee, tree.Name) and callee.name == "type" and callee.variable is None
        return _bare(node.args[0]) if known else None

    def type_named(self, node: Expression) -> Type | None:
        """The type that an expression such as `T` or `lib.T` names."""
        raise NotImplementedError

    def key_type(self, node: Expression, env: Env) -> Type:
        raise NotImplementedError

    def peek(self, node: Expression, env: Env) -> Type | None:
        """The type of a variable or path without findings; None for a field that cannot be there."""
        chain: list[Expression] = []
        while True:
            kind = type(node)
            if kind is tree.Name or len(chain) > 20:
                break
            if kind is not tree.Field and kind is not tree.Index:
                break
            chain.append(node)
            node = node.object  # type: ignore[attr-defined]
        if type(node) is not tree.Name:
            return ANY
        if node.variable is None:  # type: ignore[attr-defined]
            return ANY
        now: Type | None = self.variable(node.variable.at, env)  # type: ignore[attr-defined]
        for step in reversed(chain):
            key = self.key(step)
            held = env.get(key) if key is not None else None
            if held is not None:
                now = held
                continue
            if now is None:
                return ANY
            name = field_name(step)
            now = member(now, name) if name is not None else element(now, widened(self.key_type(step.key, env)))  # type: ignore[attr-defined]
        return now


def _bare(node: Expression) -> Expression:
    while isinstance(node, (tree.Paren, tree.Cast)):
        node = node.inner if isinstance(node, tree.Paren) else node.value
    return node


def _equal(type: Type, value: Type) -> Type:
    """The part of a type that can equal a constant."""
    kept: list[Type] = []
    for item in members(type):
        forced = force(item)
        if forced is ANY:
            return ANY
        if forced is UNKNOWN:
            kept.append(value)
        elif isinstance(value, Literal):
            if isinstance(forced, Literal):
                if forced.same(value):
                    kept.append(item)
            elif forced is value.base or (forced in NUMBERS and value.base in NUMBERS):
                kept.append(value if forced is value.base else item)
            elif not (forced in _PLAIN or isinstance(forced, (*_TABLES, Function))):
                kept.append(item)
        elif forced is NIL or forced is ABSENT:
            kept.append(NIL if forced is NIL else ABSENT)
        elif not (forced in _PLAIN or isinstance(forced, (*_TABLES, Function, Literal))):
            kept.append(item)
    return union(kept)


_PLAIN = frozenset((BOOLEAN, STRING, TABLE, FUNCTION, THREAD, NIL, ABSENT, ERROR)) | NUMBERS


def _unequal(type: Type, value: Type) -> Type:
    """The part of a type that can differ from a constant."""
    if value is NIL:
        return without_nil(type)
    assert isinstance(value, Literal)
    if force(type) is BOOLEAN and isinstance(value.value, bool):
        return FALSE if value.value else TRUE
    return without(type, lambda item: isinstance(item, Literal) and item.same(value))


def _kind(type: Type) -> Type | None:
    """The type that stands for what `type(v)` says of values; None where it may be several."""
    if isinstance(type, Literal):
        type = type.base
    if type in NUMBERS:
        return NUMBER
    if type in (STRING, BOOLEAN, NIL, FUNCTION, THREAD, TABLE):
        return type
    if type is ABSENT:
        return NIL
    if type in (ERROR, USERDATA):
        return ANY
    if isinstance(type, Function):
        return FUNCTION
    if isinstance(type, Record):
        return None if type.interface else TABLE
    if isinstance(type, _TABLES):
        return TABLE
    return ANY if isinstance(type, TypeValue) else None


def _one_container(items: list[Type]) -> list[Type]:
    """No test tells an array from a map: where a table may be either, it is taken for what is wanted of it."""
    forms = {
        Array if isinstance(force(item), Array) else Map for item in items if isinstance(force(item), (Array, Map))
    }
    if len(forms) < 2:
        return items
    return [Open(literal=False), *(item for item in items if not isinstance(force(item), (Array, Map)))]


def _of_kind(type: Type, target: Type, equal: bool) -> Type:
    kept: list[Type] = []
    for item in members(type):
        forced = force(item)
        if forced is ANY:
            return ANY
        if forced is UNKNOWN:
            kept.append((Open(literal=False) if target is TABLE else target) if equal else item)
            continue
        kind = _kind(forced)
        if kind is None or (kind is target) is equal:
            kept.append(item)
    if target is TABLE and equal:
        kept = _one_container(kept)
    items = members(type)
    return type if len(kept) == len(items) and all(map(is_, kept, items)) else union(kept)
