"""The types of expressions, and the mistakes in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wippy.lang import tree
from wippy.lang.check.calls import Calls, Results
from wippy.lang.check.core import Env
from wippy.lang.check.diagnostic import INDEX_TYPE, NO_FIELD, OPERAND, UNASSIGNED, WARNING, meant
from wippy.lang.check.fits import fits
from wippy.lang.check.members import barrier, element, member, with_self
from wippy.lang.check.operands import calculable, joinable, measurable, order, result, total
from wippy.lang.check.prelude import standard
from wippy.lang.check.survey import field_name
from wippy.lang.check.text import show
from wippy.lang.check.types import (
    ABSENT,
    ANY,
    BASICS,
    BOOLEAN,
    INTEGER,
    NEVER,
    NIL,
    NUMBERS,
    QUOTIENT,
    STRING,
    TABLE,
    USERDATA,
    Array,
    Basic,
    Function,
    Intersection,
    Literal,
    Map,
    Open,
    Record,
    Type,
    TypeValue,
    TypeVariable,
    falsy,
    force,
    members,
    truthy,
    union,
    widened,
    without_nil,
)
from wippy.lang.describe import literal
from wippy.lang.tree import Expression

_SUFFIXED = (tree.Field, tree.Index, tree.Call, tree.MethodCall)
_ARITHMETIC = frozenset(("+", "-", "*", "/", "//", "%", "^"))
_BITWISE = frozenset(("&", "|", "~", "<<", ">>"))
_TYPE_VALUES = frozenset(("integer", "number", "boolean", "any", "unknown", "never"))


class Expressions(Calls):
    """Expressions."""

    modules: dict[str, Type]
    global_functions: dict[str, Function]

    def infer(self, node: Expression, env: Env, probe: bool = False) -> Type:
        return _INFER[type(node)](self, node, env, probe)

    def condition(self, node: Expression, env: Env) -> None:
        """Infers a condition: fields that may not be there may be tested in it."""
        self.infer(node, env, True)

    # Plain values

    def _name(self, node: tree.Name, env: Env, probe: bool) -> Type:
        if node.variable is not None:
            at = node.variable.at
            if ("unset", at) in env:
                self.report(UNASSIGNED, node, f"'{node.name}' is used before a value is assigned", WARNING)
            return self.variable(at, env)
        return self.global_type(node.name)

    def global_type(self, name: str) -> Type:
        """The type of a global as far as it is known."""
        if name in self.survey.global_writes:
            return ANY
        if name in self.survey.global_functions:
            return self._global_function(name)
        declared = self.resolver.named(name, [])
        if declared is not None:
            return TypeValue(declared)
        if name in self.modules:
            return self.modules[name]
        if name in _TYPE_VALUES:
            return TypeValue(BASICS[name])
        return standard().get(name, ANY)

    def _global_function(self, name: str) -> Type:
        """A global function that the chunk defines once is taken for what it is here."""
        nodes = self.survey.global_functions[name]
        if len(nodes) > 1:
            return ANY
        made = self.global_functions.get(name)
        if made is None:
            node = nodes[0].function
            self.silent += 1
            made = self.resolver.signature(node.tparams, node.params, node.results, {})
            self.silent -= 1
            made.name = name
            self.global_functions[name] = made
        return made

    def type_named(self, node: Expression) -> Type | None:
        while isinstance(node, tree.Paren):
            node = node.inner
        if isinstance(node, tree.Name) and node.variable is None and node.name == "string":
            return STRING
        root = node
        while isinstance(root, tree.Field):
            root = root.object
        if isinstance(root, tree.Name) and isinstance(node, (tree.Name, tree.Field)):
            held, self.found = self.found, []
            found = force(self.infer(node, {}, True))
            self.found = held
            if isinstance(found, TypeValue):
                return found.type
        return None

    def _constant_value(self, node: tree.Constant, env: Env, probe: bool) -> Type:
        if node.text == "...":
            found = env.get(-1, ANY)
            return found if isinstance(found, (Literal,)) or found is ANY else union((found, ABSENT))
        value = self._constant(node)
        assert value is not None
        return value

    def _literal_value(self, node: tree.String | tree.Number, env: Env, probe: bool) -> Type:
        return Literal(literal(node.text))

    def _table_value(self, node: tree.Table, env: Env, probe: bool) -> Type:
        functions: dict[str, Type] = {}
        for item in node.items:
            if item.key is not None and self.infer(item.key, env) is NIL:
                self.report(INDEX_TYPE, item.key, "nil is no index", WARNING)
            found = self.infer(item.value, env)
            if item.name is not None and isinstance(found, (Function, TypeValue)):
                functions[item.name] = found
        return Open({name: each for name, each in functions.items() if name not in self.survey.fields_written})

    def _function(self, node: tree.Function, env: Env, probe: bool) -> Type:
        return self.function_value(node, env, None)

    def _cast(self, node: tree.Cast, env: Env, probe: bool) -> Type:
        inner = self.infer(node.value, env)
        if node.type is None:
            return without_nil(inner)
        return self.resolver.type(node.type, self.bound)

    def _paren(self, node: tree.Paren, env: Env, probe: bool) -> Type:
        inner: Expression = node
        while isinstance(inner, tree.Paren):
            inner = inner.inner
        return self.infer(inner, env, probe)

    # Suffixes

    def _suffixed(self, node: Expression, env: Env, probe: bool) -> Type:
        return (
            self._chain(node, env, probe).at(0)
            if isinstance(node, (tree.Call, tree.MethodCall))
            else (self._chain(node, env, probe).first[0])
        )

    def call_results(self, node: tree.Call | tree.MethodCall, env: Env) -> Results:
        return self._chain(node, env, False)

    def _chain(self, node: Any, env: Env, probe: bool) -> Results:
        """A chain of fields, indexes and calls, from its beginning."""
        chain: list[Any] = []
        while isinstance(node, _SUFFIXED):
            chain.append(node)
            node = node.callee if isinstance(node, tree.Call) else node.object
        now = Results([self.infer(node, env)])
        key = self.key(node) if isinstance(node, tree.Name) else None
        path: tuple[Any, ...] | None = (key,) if key is not None else None
        last = len(chain) - 1
        for index, step in enumerate(reversed(chain)):
            owner = now.at(0)
            kind = type(step)
            if kind is tree.Call:
                now = self.call(step, owner, env)
                self.after_call(env)
                path = None
            elif kind is tree.MethodCall:
                now = self.method(step, owner, env)
                self.after_call(env)
                path = None
            else:
                name = field_name(step)
                if path is not None:
                    part = self.step(step)
                    path = (*path, *part) if part is not None else None
                if kind is tree.Index and name is None:
                    self.infer(step.key, env)
                held = env.get(path) if path is not None else None
                if held is not None:
                    now = Results([held])
                else:
                    now = Results([self._read(step, name, owner, probe and index == last, env)])
        return now

    def _read(self, step: Any, name: str | None, owner: Type, probe: bool, env: Env) -> Type:
        target = force(owner)
        if target is ANY or target is NEVER:
            return ANY
        what = f"field '{name}'" if name is not None else "an element"
        reason = barrier(target)
        if reason is not None:
            at = step.to - 1 if type(step) is tree.Field else step
            self.not_indexable(at, reason, target, what)
            return ANY
        if name is None or (type(step) is tree.Index and isinstance(target, Array)):
            key = widened(self.key_type(step.key, env))
            self.check_index(step.key, key, target)
            return element(target, key)
        if isinstance(target, Map):
            self.check_index(step.key if type(step) is tree.Index else step.to - 1, STRING, target)
        found = member(target, name)
        if isinstance(target, Open) and target.whole and name not in target.functions and not probe:
            text = f"{target.frozen} has no field '{name}'"
            hint = meant(name, target.functions) or "it is nil at run time: write a function of your own"
            self.report(NO_FIELD, step.to - 1, text, WARNING, hint)
        if found is None:
            if not probe and name not in self.survey.methods and self._closed(target):
                at = step.to - 1 if type(step) is tree.Field else step.key
                near = meant(name, target.fields) if isinstance(target, Record) else ""
                self.report(NO_FIELD, at, f"no field '{name}' in {show(owner)}", hint=near)
            return ANY
        forced = force(found)
        return with_self(forced) if isinstance(forced, Function) and forced.method else found

    def check_index(self, node: Expression | int, key: Type, owner: Type) -> None:
        """Warns of an index that finds nothing in a table of a declared type."""
        owner, key = force(owner), force(key)
        if key is NIL:
            self.report(INDEX_TYPE, node, "nil is no index", WARNING)
            return
        if isinstance(owner, Array):
            wrong = key is STRING or key is BOOLEAN
        elif isinstance(owner, Map):
            wrong = isinstance(key, Basic) and not fits(key, owner.key) and not fits(owner.key, key)
        else:
            wrong = False
        if wrong:
            self.report(INDEX_TYPE, node, f"cannot find an element of {show(owner)} by a {show(key)}", WARNING)

    def _closed(self, type: Type) -> bool:
        """Whether an unknown field is a mistake: only declared records are closed."""
        items = [force(item) for item in members(type)]
        items += [force(part) for item in items if isinstance(item, Intersection) for part in item.items]
        records = [item for item in items if isinstance(item, Record)]
        return bool(records) and not any(map(self.foreign, records))

    def key_type(self, node: Expression, env: Env) -> Type:
        if isinstance(node, (tree.Number, tree.String)):
            return Literal(literal(node.text))
        if isinstance(node, tree.Name):
            return self.peek(node, env) or ANY
        if isinstance(node, tree.Constant):
            return self._constant(node) or ANY
        return INTEGER if isinstance(node, tree.Binary) and node.op in _ARITHMETIC else ANY

    # Operators

    def _unary(self, node: tree.Unary, env: Env, probe: bool) -> Type:
        operand = self.infer(node.operand, env, node.op == "not")
        if node.op == "not":
            return BOOLEAN
        if node.op == "#":
            self._operand(node.operand, operand, measurable, "get the length of")
            return INTEGER
        if node.op == "-":
            if isinstance(operand, Literal) and isinstance(operand.value, (int, float)) and operand.base in NUMBERS:
                return Literal(-operand.value)
            self._operand(node.operand, operand, calculable, "negate")
            return INTEGER if force(operand) is INTEGER else QUOTIENT if force(operand) is QUOTIENT else total(operand)
        self._operand(node.operand, operand, calculable, "use operator ~ on")
        return INTEGER

    def _concat(self, node: tree.Concat, env: Env, probe: bool) -> Type:
        types = [self.infer(operand, env) for operand in node.operands]
        for index, operand in enumerate(node.operands):
            beside = [*types[max(index - 1, 0) : index], *types[index + 1 : index + 2]]
            if not any(map(self._may_overload, beside)):
                self._operand(operand, types[index], joinable, "concatenate")
        return STRING

    def _binary(self, node: tree.Binary, env: Env, probe: bool) -> Type:
        """Left-associative chains are long in generated code: down the left side first, then up in a loop."""
        spine: list[tree.Binary] = []
        inner: Expression = node
        while isinstance(inner, tree.Binary):
            spine.append(inner)
            inner = inner.left
        deepest = spine[-1]
        if any(each.op in ("and", "or") for each in spine):
            return self._logical_spine(spine, env, probe)
        probe = probe and deepest.op in ("==", "~=")
        now = self.infer(deepest.left, env, probe)
        for each in reversed(spine):
            now = self._operation(each, now, self.infer(each.right, env, probe))
        return now

    def _logical_spine(self, spine: list[tree.Binary], env: Env, probe: bool) -> Type:
        """`a and b or c …`: each right side is checked under the outcome of all to its left."""
        deepest = spine[-1]
        equality = probe and deepest.op in ("==", "~=")
        now = self.infer(deepest.left, env, equality or deepest.op in ("and", "or"))
        short = len(spine) <= 40
        for each in reversed(spine):
            if each.op not in ("and", "or"):
                now = self._operation(each, now, self.infer(each.right, env))
                continue
            under: Env | None = dict(env)
            dead = self.dead
            if short:
                assert under is not None
                under = self.refine(each.left, each.op == "and", under)
            if under is None:
                right: Type = NEVER
            elif short:
                right = self.infer(each.right, under, probe)
            else:
                right = ANY
            self.dead = dead
            part = truthy(now) if each.op == "or" else falsy(now)
            now = union((part, right))
            if now is NEVER:
                now = ANY
        return now

    def _operation(self, node: tree.Binary, left: Type, right: Type) -> Type:
        op = node.op
        if op in _ARITHMETIC:
            self._operands(node, left, right)
            return result(op, left, right)
        if op in _BITWISE:
            self._operands(node, left, right)
            return INTEGER
        if op in ("==", "~="):
            return BOOLEAN
        self._comparison(node, left, right)
        return BOOLEAN

    def _operands(self, node: tree.Binary, left: Type, right: Type) -> None:
        what = f"use operator {node.op} on"
        fine = self._may_overload(right) or self._operand(node.left, left, calculable, what)
        if fine and not self._may_overload(left):
            self._operand(node.right, right, calculable, what)

    def _operand(self, node: Expression, type: Type, test: Callable[[Type], bool], what: str) -> bool:
        """Reports an operand that can never be valid; False then."""
        if (
            isinstance(node, tree.Cast)
            or type is NEVER
            or any(
                test(forced) and (test is measurable or not self._plain_table(forced))
                for forced in map(force, members(type))
            )
        ):
            return True
        self.report(OPERAND, node, f"cannot {what} {show(type)}")
        return False

    def _may_overload(self, type: Type) -> bool:
        """Whether the value may be an object that defines the operator."""
        return any(
            forced in (ANY, TABLE, USERDATA)
            or (
                isinstance(forced, (Record, Array, Map, Open, TypeVariable, Intersection))
                and not self._plain_table(forced)
            )
            for forced in map(force, members(type))
        )

    def _plain_table(self, type: Type) -> bool:
        """A table that has no metatable: none is set in this chunk, and the type is declared in it."""
        if self.has_classes:
            return False
        if isinstance(type, Open):
            return type.literal
        if isinstance(type, Record):
            return not type.interface and not self.foreign(type)
        return isinstance(type, (Array, Map))

    def _comparison(self, node: tree.Binary, left: Type, right: Type) -> None:
        kinds = order(left) & order(right)
        if not kinds and left is not NEVER and right is not NEVER:
            self.report(OPERAND, node.op_at, f"cannot compare {show(left)} with {show(right)}")


_INFER: dict[type, Any] = {
    tree.Name: Expressions._name,
    tree.Constant: Expressions._constant_value,
    tree.Number: Expressions._literal_value,
    tree.String: Expressions._literal_value,
    tree.Table: Expressions._table_value,
    tree.Function: Expressions._function,
    tree.Cast: Expressions._cast,
    tree.Paren: Expressions._paren,
    tree.Field: Expressions._suffixed,
    tree.Index: Expressions._suffixed,
    tree.Call: Expressions._suffixed,
    tree.MethodCall: Expressions._suffixed,
    tree.Unary: Expressions._unary,
    tree.Binary: Expressions._binary,
    tree.Concat: Expressions._concat,
}
