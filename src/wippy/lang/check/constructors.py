"""Values checked against the type that is expected of them: table constructors, function literals, the rest."""

from __future__ import annotations

from wippy.lang import tree
from wippy.lang.check.core import Env
from wippy.lang.check.diagnostic import MISMATCH
from wippy.lang.check.fits import fits
from wippy.lang.check.narrow import Narrowing
from wippy.lang.check.text import show
from wippy.lang.check.types import (
    ABSENT,
    ANY,
    NEVER,
    NIL,
    STRING,
    TABLE,
    UNKNOWN,
    Array,
    Function,
    Intersection,
    Literal,
    Map,
    Open,
    Record,
    Tuple,
    Type,
    TypeVariable,
    admits_nil,
    falsy,
    force,
    members,
    truthy,
    union,
    without_nil,
)
from wippy.lang.tree import Expression

_TRIALS = 4


class Constructors(Narrowing):
    """Expected types."""

    trials = 0

    def infer(self, node: Expression, env: Env, probe: bool = False) -> Type:
        raise NotImplementedError

    def function_value(self, node: tree.Function, env: Env, expected: Function | None) -> Function:
        raise NotImplementedError

    def check(self, node: Expression, expected: Type, env: Env, what: str = "value") -> Type:
        """Reports a value that cannot be an `expected`; gives the value's type."""
        bare = node
        while isinstance(bare, tree.Paren):
            bare = bare.inner
        if isinstance(bare, tree.Table):
            return self._check_table(bare, expected, env, what)
        if isinstance(bare, tree.Function):
            return self._check_function(bare, expected, env, what)
        if isinstance(bare, tree.Binary) and bare.op in ("and", "or") and _literal_inside(bare.right):
            return self._check_logical(bare, expected, env, what)
        found = self.infer(node, env)
        self.fit(node, found, expected, what)
        return found

    def fit(self, node: Expression, found: Type, expected: Type, what: str) -> None:
        """Reports a value of type `found` that cannot be an `expected`."""
        if fits(found, expected):
            return
        self.report(MISMATCH, node, self.mismatch(found, expected, what))

    def mismatch(self, found: Type, expected: Type, what: str) -> str:
        if not fits(without_nil(found), expected) or force(found) is NIL or without_nil(found) is found:
            return f"cannot use {show(found)} as {show(expected)} ({what})"
        return f"cannot use {show(found)} as {show(expected)} ({what}): it may be nil"

    def assigned(self, declared: Type, value: Type) -> Type:
        items = members(declared)
        if len(items) < 2:
            return declared
        values = members(value)
        kept = [item for item in items if any(fits(each, item) for each in values if force(each) is not ABSENT)]
        if any(force(each) in (ANY, NEVER) for each in values) or not kept or len(kept) == len(items):
            if isinstance(value, Literal) and any(isinstance(i, Literal) and i.same(value) for i in items):
                return value
            return declared
        if ABSENT in values:
            kept += [item for item in items if force(item) is NIL]
        return union(kept)

    def _check_logical(self, node: tree.Binary, expected: Type, env: Env, what: str) -> Type:
        left = self.infer(node.left, env, True)
        right_env = self.refine(node.left, node.op == "and", dict(env))
        part = truthy(left) if node.op == "or" else falsy(left)
        right = self.check(node.right, expected, right_env, what) if right_env is not None else NEVER
        self.fit(node.left, part, expected, what)
        return union((part, right))

    def _check_function(self, node: tree.Function, expected: Type, env: Env, what: str) -> Type:
        wanted = force(expected)
        candidates = [force(item) for item in members(wanted) if isinstance(force(item), Function)]
        found = self.function_value(node, env, candidates[0] if len(candidates) == 1 else None)  # type: ignore[arg-type]
        self.fit(node, found, expected, what)
        return found

    def _check_table(self, node: tree.Table, expected: Type, env: Env, what: str) -> Type:
        wanted = force(expected)
        if isinstance(wanted, Record):
            if wanted.interface:
                self.infer(node, env)
            else:
                self._record(node, wanted, expected, env)
            return expected
        if isinstance(wanted, Array):
            self._items(node, [wanted.item], True, env)
            return expected
        if isinstance(wanted, Tuple):
            self._items(node, wanted.items, False, env)
            return expected
        if isinstance(wanted, Map):
            self._map(node, wanted, env)
            return expected
        if isinstance(wanted, Intersection):
            return self._check_intersection(node, wanted, expected, env, what)
        candidates = [item for item in members(wanted) if _takes_table(force(item))]
        if wanted in (ANY, UNKNOWN, TABLE) or isinstance(wanted, (Open, TypeVariable)):
            return self.infer(node, env)
        if not candidates:
            self.infer(node, env)
            self.report(MISMATCH, node, f"cannot use a table as {show(expected)} ({what})")
            return ANY
        if any(force(item) in (ANY, UNKNOWN, TABLE) or isinstance(force(item), TypeVariable) for item in candidates):
            return self.infer(node, env)
        return self._check_union(node, candidates, expected, env, what)

    def _check_intersection(self, node: tree.Table, wanted: Intersection, expected: Type, env: Env, what: str) -> Type:
        fields: dict[str, Type] = {}
        for item in wanted.items:
            forced = force(item)
            if not isinstance(forced, Record) or forced.interface:
                self.infer(node, env)
                return expected
            fields.update(forced.fields)
        self._record(node, Record(fields), expected, env)
        return expected

    def _check_union(self, node: tree.Table, candidates: list[Type], expected: Type, env: Env, what: str) -> Type:
        if len(candidates) > 1:
            candidates = [item for item in candidates if self._may_be(node, force(item))] or candidates
        if len(candidates) == 1:
            return self._check_table(node, candidates[0], env, what)
        if self.trials >= _TRIALS:
            self.infer(node, env)
            return expected
        self.trials += 1
        self.silent += 1
        held = self.found
        fewest = None
        chosen = expected
        for item in candidates:
            self.found = []
            self._check_table(node, item, dict(env), what)
            if fewest is None or len(self.found) < len(fewest):
                fewest, chosen = self.found, item
        self.found = held
        self.silent -= 1
        self.trials -= 1
        if fewest:
            self.infer(node, env)
            self.report(MISMATCH, node, f"cannot use this table as {show(expected)} ({what})")
            return expected
        return self._check_table(node, chosen, env, what)

    def _may_be(self, node: tree.Table, item: Type) -> bool:
        """Whether literal fields of the constructor allow this member of a union."""
        named = {each.name: each.value for each in node.items if each.name is not None}
        if isinstance(item, Array):
            return not (named and all(each.name is not None for each in node.items))
        if not isinstance(item, Record) or item.interface:
            return True
        for name, field in item.fields.items():
            value = named.get(name)
            if value is None or not all(isinstance(force(each), Literal) for each in members(without_nil(field))):
                continue
            constant = self._constant(value)
            if constant is not None and not fits(constant, field):
                return False
        return True

    def _record(self, node: tree.Table, wanted: Record, expected: Type, env: Env) -> None:
        given: set[str] = set()
        computed = False
        for item in node.items:
            name = item.name
            if name is None and item.key is not None:
                name = _key_name(item.key)
                self.infer(item.key, env)
                computed = computed or (name is None and not isinstance(item.key, tree.Number))
            if name is None:
                self.infer(item.value, env)
                continue
            field = wanted.fields.get(name)
            if field is None:
                self.infer(item.value, env)
            else:
                self.check(item.value, field, env, f"field '{name}'")
            given.add(name)
        if computed:
            return
        for name, field in wanted.fields.items():
            if name not in given and not admits_nil(field):
                self.report(MISMATCH, node, f"missing field '{name}' of {show(expected)}")

    def _items(self, node: tree.Table, items: list[Type], repeat: bool, env: Env) -> None:
        at = 0
        last = node.items[-1] if node.items else None
        for item in node.items:
            if item.name is not None or item.key is not None:
                if item.key is not None:
                    key = self.infer(item.key, env)
                    if repeat and not fits(key, STRING):
                        self.check(item.value, union((items[0], NIL)), env, "item")
                        continue
                self.infer(item.value, env)
                continue
            wanted = items[0] if repeat else (items[at] if at < len(items) else ANY)
            at += 1
            if item is last and isinstance(item.value, tree.Constant) and item.value.text == "...":
                continue
            self.check(item.value, union((wanted, NIL)) if _is_nil(item.value) else wanted, env, "item")
        if not repeat and not (last is not None and _open_ended(last.value)):
            for index in range(at, len(items)):
                if not admits_nil(items[index]):
                    self.report(MISMATCH, node, f"missing item {index + 1} of {show(Tuple(items))}")

    def _map(self, node: tree.Table, wanted: Map, env: Env) -> None:
        for item in node.items:
            value = wanted.value
            if item.name is not None:
                if fits(Literal(item.name.encode("latin-1")), wanted.key):
                    self.check(item.value, union((value, NIL)), env, f"field '{item.name}'")
                else:
                    self.infer(item.value, env)
                    self.report(MISMATCH, item, f"key '{item.name}' is no {show(wanted.key)}")
            elif item.key is not None:
                self.check(item.key, wanted.key, env, "key")
                self.check(item.value, union((value, NIL)), env, "value")
            else:
                self.infer(item.value, env)


def _takes_table(type: Type) -> bool:
    if type in (ANY, UNKNOWN, TABLE):
        return True
    return isinstance(type, (Record, Array, Map, Tuple, Open, Intersection, TypeVariable))


def _key_name(node: Expression) -> str | None:
    if isinstance(node, tree.String) and "\\" not in node.text and node.text[0] in "\"'":
        return node.text[1:-1]
    return None


def _is_nil(node: Expression) -> bool:
    return isinstance(node, tree.Constant) and node.text == "nil"


def _open_ended(node: Expression) -> bool:
    return isinstance(node, (tree.Call, tree.MethodCall)) or (isinstance(node, tree.Constant) and node.text == "...")


def _literal_inside(node: Expression) -> bool:
    while isinstance(node, tree.Paren):
        node = node.inner
    return isinstance(node, (tree.Table, tree.Function)) or (isinstance(node, tree.Binary) and node.op in ("and", "or"))
