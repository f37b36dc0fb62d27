"""Calls: what is called, its arguments, type parameters, results."""

from __future__ import annotations

from msgspec import Struct

from wippy.lang import tree
from wippy.lang.check.constructors import Constructors
from wippy.lang.check.core import Env
from wippy.lang.check.diagnostic import (
    ARGUMENTS,
    CALL_OPTIONAL,
    CONSTRAINT,
    INDEX_OPTIONAL,
    NO_METHOD,
    NOT_CALLABLE,
    NOT_INDEXABLE,
    READONLY,
)
from wippy.lang.check.fits import fits
from wippy.lang.check.inference import bind, filled
from wippy.lang.check.members import barrier, member, with_self, without_self
from wippy.lang.check.prelude import TABLE_INSERT
from wippy.lang.check.resolve import generic
from wippy.lang.check.text import show
from wippy.lang.check.types import (
    ABSENT,
    ANY,
    BOOLEAN,
    ERROR,
    INTEGER,
    NEVER,
    NIL,
    NUMBER,
    NUMBERS,
    STRING,
    UNKNOWN,
    Array,
    Function,
    Literal,
    Map,
    Open,
    Record,
    Type,
    TypeValue,
    TypeVariable,
    Union,
    admits_nil,
    force,
    is_optional,
    members,
    optional,
    truthy,
    widened,
    without_nil,
)
from wippy.lang.tree import Expression


class Results(Struct, gc=False):
    """What a call or `...` gives: the first values, and the type of any further ones (None: there are none)."""

    first: list[Type]
    rest: Type | None = None

    def at(self, index: int) -> Type:
        if index < len(self.first):
            return self.first[index]
        return NIL if self.rest is None else self.rest


SOME = Results([], ANY)
# Constructors inside of constructors are looked at again for each level: only so far.
_SHAPES = 2


class Calls(Constructors):
    """Calls."""

    dead = False

    def values(self, nodes: list[Expression], env: Env, count: int | None = None) -> Results:
        """The values of an expression list; a call at its end gives all its results."""
        if not nodes:
            return Results([])
        first = [self.infer(node, env) for node in nodes[:-1]]
        last = self.several(nodes[-1], env)
        return Results([*first, *last.first], last.rest)

    def several(self, node: Expression, env: Env) -> Results:
        """All values of one expression."""
        if isinstance(node, (tree.Call, tree.MethodCall)):
            return self.call_results(node, env)
        if isinstance(node, tree.Constant) and node.text == "...":
            return Results([], self.variable(-1, env) if -1 in env else ANY)
        return Results([self.infer(node, env)])

    def call_results(self, node: tree.Call | tree.MethodCall, env: Env) -> Results:
        raise NotImplementedError

    # A call whose callee has been inferred

    def call(self, node: tree.Call, callee: Type, env: Env) -> Results:
        special = self._special(node, env)
        if special is not None:
            return special
        target = force(callee)
        if target is TABLE_INSERT and self._insert(node.args, env):
            return SOME
        if isinstance(target, Function):
            return self.apply(node, with_self(target) if target.method else target, node.args, env)
        self.arguments(node.args, env)
        if isinstance(target, TypeValue):
            # Types given to a type make another type.
            return SOME if any(map(self.type_named, node.args)) else Results([target.type])
        self._callable(node, target)
        return SOME

    def _insert(self, args: list[Expression], env: Env) -> bool:
        """`table.insert(list, value)`, `table.insert(list, at, value)`, where the items of the list are known."""
        if not 2 <= len(args) <= 3 or isinstance(args[-1], (tree.Call, tree.MethodCall, tree.Constant)):
            return False
        held = self.infer(args[0], env)
        target = force(without_nil(held))
        if not isinstance(target, Array) or is_optional(held):
            return False
        if target.readonly:
            self.report(READONLY, args[0], f"cannot write an element of {show(held)}")
        if len(args) == 3:
            self.check(args[1], NUMBER, env, "argument 2 of table.insert")
        self.check(args[-1], optional(target.item), env, f"argument {len(args)} of table.insert")
        return True

    def _callable(self, node: tree.Call, target: Type) -> None:
        if target is NIL:
            self.report(NOT_CALLABLE, node, "cannot call nil")
        elif target is UNKNOWN:
            self.report(NOT_CALLABLE, node, "cannot call an unknown value; narrow it first")
        elif target in NUMBERS or target in (STRING, BOOLEAN) or isinstance(target, Literal):
            self.report(NOT_CALLABLE, node, f"cannot call a {show(target)}")
        elif isinstance(target, (Array, Map)) or (isinstance(target, Record) and not target.interface):
            if not self.has_classes and not isinstance(target, Map):
                self.report(NOT_CALLABLE, node, f"cannot call a {show(target)}")
        elif isinstance(target, Open) and target.literal and not self.has_classes:
            self.report(NOT_CALLABLE, node, "cannot call a table")
        elif isinstance(target, Union) and is_optional(target):
            inner = force(without_nil(target))
            if isinstance(inner, Function):
                self.report(CALL_OPTIONAL, node, f"cannot call {show(target)}: it may be nil")

    def method(self, node: tree.MethodCall, owner: Type, env: Env) -> Results:
        """`owner:name(args)`."""
        target = force(owner)
        if isinstance(target, TypeValue):
            self.arguments(node.args, env)
            return Results([optional(target.type), optional(ERROR)]) if node.name == "is" else SOME
        reason = barrier(target)
        if reason is not None:
            self.arguments(node.args, env)
            self.not_indexable(node, reason, target, f"method '{node.name}'")
            return SOME
        found = member(target, node.name)
        if found is None:
            self.arguments(node.args, env)
            if self._surely_missing(target, node.name):
                self.report(NO_METHOD, node, f"no method '{node.name}' in {show(owner)}")
            return SOME
        called = force(found)
        if isinstance(called, Function):
            plain = without_self(called)
            if plain is not None:
                return self.apply(node, plain, node.args, env)
            self.arguments(node.args, env)
            return SOME if called.results is None or called.tparams else Results(list(called.results))
        self.arguments(node.args, env)
        if isinstance(called, Union) and is_optional(called) and isinstance(force(without_nil(called)), Function):
            self.report(CALL_OPTIONAL, node, f"cannot call method '{node.name}': it may be nil")
        return SOME

    def _surely_missing(self, target: Type, name: str) -> bool:
        if name in self.survey.methods or name in self.survey.fields_written:
            return False
        items = [force(item) for item in members(target) if force(item) not in (NIL, ABSENT)]
        return not self.has_classes and not any(isinstance(item, Record) and self.foreign(item) for item in items)

    def foreign(self, record: Record) -> bool:
        """Whether values of the type may be objects of another chunk's class."""
        owner = record.owner
        return owner is not None and owner is not self.resolver and owner.classes

    def not_indexable(self, node: Expression | int, reason: str, owner: Type, what: str) -> None:
        """Reports a read from a value that has no fields."""
        if reason in ("nil", "optional"):
            self.report(INDEX_OPTIONAL, node, f"cannot read {what} of {show(owner)}: it may be nil")
        elif reason == "unknown":
            self.report(NOT_INDEXABLE, node, f"cannot read {what} of an unknown value; narrow it first")
        else:
            self.report(NOT_INDEXABLE, node, f"cannot read {what} of a {reason}")

    def arguments(self, args: list[Expression], env: Env) -> list[Type]:
        """Infers arguments of which nothing is expected."""
        return self.values(args, env).first

    def apply(self, node: Expression, function: Function, args: list[Expression], env: Env) -> Results:
        """Checks arguments against a function and gives its results."""
        bound: dict[TypeVariable, Type] = {}
        found: list[Type] = []
        params = function.params
        is_generic = bool(function.tparams)
        spread: Results | None = None
        for index, arg in enumerate(args):
            wanted = params[index].type if index < len(params) else (function.vararg or ANY)
            if index == len(args) - 1 and isinstance(arg, (tree.Call, tree.MethodCall, tree.Constant)):
                spread = self.several(arg, env)
                given = spread.at(0)
                if is_generic:
                    bind(wanted, given, bound)
                    wanted = filled(wanted, bound)
                if index < len(params) or function.vararg is not None:
                    self.fit(arg, given, wanted, self._argument(function, index))
                found.append(given)
                break
            if is_generic and generic(wanted):
                given = self._generic_argument(arg, wanted, bound, env, self._argument(function, index))
            else:
                given = self.check(arg, wanted, env, self._argument(function, index))
            found.append(given)
        self._count(node, function, args, spread, bound if is_generic else None)
        if is_generic:
            self._constraints(node, function, bound)
        self._asserted(function, args, env)
        if function.results is None:
            return SOME
        results = function.results
        if is_generic:
            results = [filled(result, bound) for result in results]
        if results and force(results[0]) is NEVER:
            self.dead = True
        return Results(list(results))

    def _argument(self, function: Function, index: int) -> str:
        name = function.params[index].name if index < len(function.params) else None
        of = f" of {function.name}" if function.name else ""
        return f"argument {index + 1}{f' {name!r}' if name and name != 'self' else ''}{of}"

    def _generic_argument(
        self, arg: Expression, wanted: Type, bound: dict[TypeVariable, Type], env: Env, what: str
    ) -> Type:
        bare = arg
        while isinstance(bare, tree.Paren):
            bare = bare.inner
        if isinstance(bare, (tree.Function, tree.Table)):
            expected = filled(wanted, bound)
            given = self.check(arg, expected, env, what)
            if isinstance(bare, tree.Table):
                given = self._shape(bare, env)
        else:
            given = self.infer(arg, env)
            bind(wanted, given, bound)
            self.fit(arg, given, filled(wanted, bound), what)
            return given
        bind(wanted, given, bound)
        return given

    def _shape(self, node: tree.Table, env: Env) -> Type:
        """The type of a constructor for the inference of a type parameter."""
        if self.silent >= _SHAPES:
            return ANY
        held, self.found = self.found, []
        self.silent += 1
        try:
            items = [self.infer(item.value, env) for item in node.items if item.name is None and item.key is None]
            fields = {item.name: self.infer(item.value, env) for item in node.items if item.name is not None}
        finally:
            self.found = held
            self.silent -= 1
        if items and not fields and len(items) == len(node.items):
            wide = {widened(item) for item in items}
            return Array(wide.pop() if len(wide) == 1 else ANY)
        if fields and len(fields) == len(node.items):
            return Record({name: widened(field) for name, field in fields.items()})
        return ANY

    def _count(
        self,
        node: Expression,
        function: Function,
        args: list[Expression],
        spread: Results | None,
        bound: dict[TypeVariable, Type] | None,
    ) -> None:
        params = function.params
        given = len(args) if spread is None else len(args) - 1 + len(spread.first)
        if (spread is None or spread.rest is None) and given < len(params):
            needed = 0
            for index, param in enumerate(params):
                wanted = param.type if bound is None else filled(param.type, bound)
                if param.annotated and not admits_nil(wanted) and not isinstance(force(wanted), TypeVariable):
                    needed = index + 1
            if given < needed:
                self.report(ARGUMENTS, node, self._counted(function, f"at least {needed}", given))
                return
        if function.surplus and len(args) > len(params) and (spread is None or len(args) - 1 > len(params)):
            self.report(ARGUMENTS, args[len(params)], self._counted(function, f"at most {len(params)}", len(args)))

    def _counted(self, function: Function, wanted: str, given: int) -> str:
        name = f"{function.name} takes " if function.name else "the function takes "
        plural = "" if wanted.endswith(" 1") else "s"
        return f"{name}{wanted} argument{plural}, {given} given"

    def _constraints(self, node: Expression, function: Function, bound: dict[TypeVariable, Type]) -> None:
        for variable in function.tparams:
            given = bound.get(variable)
            if given is None or variable.constraint is None:
                continue
            if not fits(given, filled(variable.constraint, bound)):
                text = f"{show(given)} is no {show(variable.constraint)}, which type parameter {variable.name} must be"
                self.report(CONSTRAINT, node, text)

    def _asserted(self, function: Function, args: list[Expression], env: Env) -> None:
        if function.asserts is None or function.asserts[0] >= len(args):
            return
        arg = args[function.asserts[0]]
        target = function.asserts[1]
        if target is None:
            self.refine(arg, True, env)
        else:
            self.narrow_to(arg, target, True, env)

    # Functions whose results follow from their arguments

    def _special(self, node: tree.Call, env: Env) -> Results | None:
        callee = node.callee
        if not isinstance(callee, tree.Name) or callee.variable is not None or callee.name in self.survey.global_writes:
            return None
        name = callee.name
        args = node.args
        if name == "assert" and args:
            found = self.values(args, env)
            after = self.refine(args[0], True, env)
            if after is None:
                self.dead = True
            elif after is not env:
                env.clear()
                env.update(after)
            first = found.at(0)
            return Results([truthy(first), *found.first[1:]], found.rest)
        if name == "error":
            self.arguments(args, env)
            self.dead = True
            return Results([NEVER])
        if name == "select" and args:
            self.arguments(args, env)
            if isinstance(args[0], tree.String):
                return Results([INTEGER])
            return SOME
        if name == "type" and len(args) == 1:
            self.infer(args[0], env, True)
            return Results([STRING])
        if name == "require" and len(args) == 1:
            self.arguments(args, env)
            return Results([self.required(args[0])])
        return None

    def required(self, node: Expression) -> Type:
        raise NotImplementedError
