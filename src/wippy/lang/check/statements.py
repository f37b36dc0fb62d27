"""Statements: the flow of control, and what is known after each."""

from __future__ import annotations

from typing import Any

from wippy.lang import tree
from wippy.lang.check.calls import Results
from wippy.lang.check.core import Env
from wippy.lang.check.diagnostic import (
    DUPLICATE,
    HINT,
    MISMATCH,
    NO_FIELD,
    NOT_EXHAUSTIVE,
    READONLY,
    UNREACHABLE,
    WARNING,
)
from wippy.lang.check.loops import Loops
from wippy.lang.check.members import barrier
from wippy.lang.check.survey import field_name
from wippy.lang.check.text import show
from wippy.lang.check.types import (
    ANY,
    NEVER,
    NIL,
    Array,
    Literal,
    Map,
    Open,
    Record,
    Type,
    admits_nil,
    force,
    is_optional,
    members,
    union,
    widened,
    without_nil,
)
from wippy.lang.tree import Expression, Node

_NOT_CHECKS = frozenset(["print", "tostring", "type", "pcall"])


class Statements(Loops):
    """Statements."""

    def block(self, body: list[Node], env: Env | None) -> Env | None:
        """What is known after a block, None where its end cannot be reached."""
        types = [node for node in body if isinstance(node, (tree.TypeDeclaration, tree.InterfaceDeclaration))]
        inner = [node for node in types if not node.chunk_level]
        if inner:
            self.resolver.locals.append({node.name: node for node in inner})
        told = False
        self._again(body)
        for node in body:
            if env is None:
                if isinstance(node, tree.Label):
                    env = self.frame.gotos.pop(node.name, None)
                    if env is None and node.backward:
                        env = {}
                elif not told and not isinstance(node, (tree.Break, tree.Goto, tree.Return)):
                    told = True
                    if not self.silent:
                        self.report(UNREACHABLE, node, "this code is never reached", HINT)
                continue
            env = _EXECUTE[type(node)](self, node, env)
            if self.dead:
                self.dead = False
                env = None
        if inner:
            self.resolver.locals.pop()
        return env

    def _again(self, body: list[Node]) -> None:
        """Names that one block declares twice, so that the first is lost."""
        seen: dict[str, int] = {}
        for node in body:
            severity = HINT
            if isinstance(node, tree.Local):
                names = [param.name or "" for param in node.names]
                if len(names) > 1 and not all(name in seen for name in names):
                    seen.update(dict.fromkeys(names, node.at))
                    continue
            elif isinstance(node, tree.LocalFunction):
                names = [node.name]
            elif isinstance(node, tree.FunctionStatement):
                names, severity = [_written(node)], WARNING
            else:
                continue
            form = " " if isinstance(node, tree.FunctionStatement) else ""
            for name in names:
                if form + name in seen and not name.startswith("_") and not self.silent:
                    line, _ = self.chunk.tokens.position(self.chunk.tokens.starts[seen[form + name]])
                    text = f"'{name}' is declared again; nobody sees the one of line {line} from here on"
                    self.report(DUPLICATE, node, text, severity)
                seen[form + name] = node.at

    # Declarations and assignments

    def _local(self, node: tree.Local, env: Env) -> Env | None:
        annotations = [
            None if param.type is None else self.resolver.type(param.type, self.bound) for param in node.names
        ]
        values = node.values
        if len(values) == 1 and len(node.names) == 1 and isinstance(values[0], tree.Function):
            self._local_function_value(node.names[0], annotations[0], values[0], env)
            return env
        found = self._assigned_values(values, annotations, len(node.names), env, node)
        for index, param in enumerate(node.names):
            value = found.at(index)
            if index >= len(values) and annotations[index] is None and not values:
                value = ANY
            self.declare(param.at, env, annotations[index], value)
            wanted = annotations[index]
            if wanted is not None and index < len(values):
                self._given((param.at,), values[index], wanted, env)
            if not values and wanted is not None and not admits_nil(wanted) and param.at not in self.captured:
                env[("unset", param.at)] = wanted
        self._remember(node, env)
        return env

    def _given(self, path: tuple[Any, ...], value: Expression, wanted: Type, env: Env) -> None:
        """Optional fields that a constructor fills are there until something may write them."""
        record = force(without_nil(wanted))
        if not isinstance(value, tree.Table) or not isinstance(record, Record) or len(path) > 4:
            return
        for item in value.items:
            field = record.fields.get(item.name) if item.name is not None else None
            if field is None or not isinstance(item.value, (tree.Table, tree.String, tree.Number, tree.Function)):
                continue
            inner = (*path, item.name)
            if is_optional(field):
                env[inner] = without_nil(field)
            self._given(inner, item.value, field, env)

    def _assigned_values(
        self, values: list[Expression], wanted: list[Type | None], count: int, env: Env, node: Node
    ) -> Results:
        """The values of an assignment, each checked against what its target takes."""
        first: list[Type] = []
        for index, value in enumerate(values[:-1] if values else []):
            target = wanted[index] if index < count else None
            first.append(self.infer(value, env) if target is None else self.check(value, target, env, "assignment"))
        if not values:
            return Results([])
        last = values[-1]
        at = len(values) - 1
        spreads = isinstance(last, (tree.Call, tree.MethodCall)) or (
            isinstance(last, tree.Constant) and last.text == "..."
        )
        target = wanted[at] if at < count else None
        if not spreads:
            first.append(self.infer(last, env) if target is None else self.check(last, target, env, "assignment"))
            found = Results(first)
        else:
            tail = self.several(last, env)
            found = Results([*first, *tail.first], tail.rest)
            for index in range(at, count):
                target = wanted[index]
                if target is not None:
                    self.fit(last, found.at(index), target, "assignment")
            return found
        for index in range(len(values), count):
            target = wanted[index]
            if target is not None and not admits_nil(target):
                self.report(MISMATCH, node, f"cannot use nil as {show(target)} (assignment): a value is missing")
        return found

    def _remember(self, node: tree.Local, env: Env) -> None:
        """What a later test of these variables will tell about others."""
        names, values = node.names, node.values
        if len(values) == 1 and isinstance(values[0], (tree.Call, tree.MethodCall)) and len(names) > 1:
            ats = [param.at for param in names]
            error = ats[-1]
            others = tuple(at for at in ats[:-1] if admits_nil(self.variable(at, env)))
            call = values[0]
            if isinstance(call, tree.MethodCall) and call.name == "is" and call.args and len(ats) == 2:
                key = self.key(call.args[0])
                checked = self.type_named(call.object)
                if checked is not None and type(key) is int:
                    env[("cond", ats[0])] = env[("is", error)] = (call, key)
            if others:
                env[("pair", error)] = others
                env.update({("pair", at): (error,) for at in others if ("pair", at) not in env})
        elif len(values) == 1 and len(names) == 1 and names[0].at not in self.survey.writes:
            value = values[0]
            tested = self._type_call(value, env)
            if tested is not None and isinstance(value, tree.Call):
                env[("type", names[0].at)] = (tested, *self.mentions(tested))
            elif isinstance(value, (tree.Binary, tree.MethodCall)) or (
                isinstance(value, tree.Unary) and value.op == "not"
            ):
                env[("cond", names[0].at)] = (value, *self.mentions(value))

    def _local_function_value(self, param: tree.Param, annotation: Type | None, value: tree.Function, env: Env) -> None:
        if annotation is not None:
            self.declared[param.at] = annotation
            self.annotated.add(param.at)
            self.check(value, annotation, env, "assignment")
            return
        made = self.signature(value)
        made.name = param.name or ""
        if param.at in self.survey.writes:
            self.declared[param.at] = ANY
            if param.at not in self.captured:
                env[param.at] = made
        else:
            self.declared[param.at] = made
        self.body(value, made, env)

    def _assign(self, node: tree.Assign, env: Env) -> Env | None:
        wanted: list[Type | None] = [self._target(target, env) for target in node.targets]
        found = self._assigned_values(node.values, wanted, len(wanted), env, node)
        for index, target in enumerate(node.targets):
            value = found.at(index)
            if isinstance(target, tree.Name):
                if target.variable is not None:
                    at = target.variable.at
                    self.kill(at, env)
                    self.assign(at, env, value)
                continue
            key = self.key(target)
            if key is not None:
                self.kill_path(key, env)
                declared = wanted[index]
                if declared is not None and declared is not ANY and value is not ANY:
                    env[key] = self.assigned(declared, value)
            elif isinstance(target, tree.Index):
                owner = self.key(target.object)
                if owner is not None:
                    self.kill_path(owner if type(owner) is tuple else (owner,), env)
        if len(node.targets) > 1 and len(node.values) == 1 and isinstance(node.values[0], (tree.Call, tree.MethodCall)):
            ats = [t.variable.at for t in node.targets if isinstance(t, tree.Name) and t.variable is not None]
            if len(ats) == len(node.targets):
                others = tuple(at for at in ats[:-1] if admits_nil(self.variable(at, env)))
                if others:
                    env[("pair", ats[-1])] = others
        return env

    def _target(self, target: Expression, env: Env) -> Type | None:
        """What may be assigned to a target; None for anything."""
        if isinstance(target, tree.Name):
            if target.variable is not None and target.variable.at in self.annotated:
                return self.declared[target.variable.at]
            return None
        assert isinstance(target, (tree.Field, tree.Index))
        held = self.infer(target.object, env)
        owner = force(held)
        name = field_name(target)
        if isinstance(target, tree.Index):
            self.check_index(target.key, widened(self.infer(target.key, env)), owner)
        if owner is ANY or owner is NEVER:
            return None
        self.frozen(target, owner)
        reason = barrier(owner)
        at = target.to - 1 if isinstance(target, tree.Field) else target
        what = f"field '{name}'" if name is not None else "an element"
        if reason is not None:
            self.not_indexable(at, reason, owner, what)
            return None
        owner = force(without_nil(owner))
        if isinstance(owner, (Array, Map, Record)) and owner.readonly:
            self.report(READONLY, at, f"cannot write {what} of {show(held)}")
            return None
        if isinstance(owner, Array):
            return union((owner.item, NIL)) if name is None else None
        if isinstance(owner, Map):
            return union((owner.value, NIL))
        if isinstance(owner, Record) and name is not None:
            found = owner.fields.get(name)
            if found is None:
                if not owner.interface and not self.has_classes:
                    self.report(NO_FIELD, at, f"no field '{name}' in {show(held)}")
                return None
            return found
        return None

    def frozen(self, at: Node, owner: Type) -> None:
        """Warns of a write to a module or library."""
        owner = force(owner)
        if isinstance(owner, Open) and owner.frozen:
            hint = "put it into a table of your own"
            self.report(READONLY, at, f"{owner.frozen} cannot be changed", WARNING, hint)

    def _local_function(self, node: tree.LocalFunction, env: Env) -> Env | None:
        self._local_function_value(tree.Param(node.at + 2, node.at + 3, node.name, None), None, node.function, env)
        return env

    def _function_statement(self, node: tree.FunctionStatement, env: Env) -> Env | None:
        made = self.signature(node.function)
        target = node.target
        if node.method is None and isinstance(target, tree.Name):
            if target.variable is not None:
                self.kill(target.variable.at, env)
                self.assign(target.variable.at, env, made)
        elif node.method is None:
            assert isinstance(target, tree.Field)
            self.frozen(target, self.infer(target.object, env))
        else:
            self.frozen(target, self.infer(target, env))
        self.body(node.function, made, env)
        return env

    # Control

    def _call_statement(self, node: tree.CallStatement, env: Env) -> Env | None:
        call: Any = node.call
        while isinstance(call, tree.Paren):
            call = call.inner
        self.several(call, env)
        self._checked_by_helper(call, env)
        return env

    def _checked_by_helper(self, call: tree.Call | tree.MethodCall, env: Env) -> None:
        """A helper that is given the error of a pair may be one that raises it."""
        callee = call.callee if isinstance(call, tree.Call) else None
        if callee is None or (isinstance(callee, tree.Name) and callee.variable is None and callee.name in _NOT_CHECKS):
            return
        for arg in call.args:
            if isinstance(arg, tree.Name) and arg.variable is not None:
                for other in env.get(("pair", arg.variable.at), ()):
                    env[other] = without_nil(self.variable(other, env))

    def _if(self, node: tree.If, env: Env) -> Env | None:
        out: Env | None = None
        now: Env | None = env
        for clause in node.clauses:
            if now is None:
                break
            if clause.condition is None:
                out = self.join(out, self.block(clause.body, now))
                return out
            self.condition(clause.condition, now)
            under = self.refine(clause.condition, True, dict(now))
            now = self.refine(clause.condition, False, dict(now))
            if under is not None:
                out = self.join(out, self.block(clause.body, under))
        if now is not None and len(node.clauses) > 1:
            self._left_over(node, env, now)
        return self.join(out, now)

    def _left_over(self, node: tree.If, before: Env, after: Env) -> None:
        """A chain that goes through the values of one variable or field and leaves some out."""
        condition = node.clauses[-1].condition
        if not isinstance(condition, tree.Binary) or condition.op != "==" or self.silent:
            return
        if not isinstance(condition.left, (tree.Name, tree.Field)):
            return
        first, left = self.peek(condition.left, before), self.peek(condition.left, after)
        if first is None or left is None or not all(isinstance(force(item), Literal) for item in members(left)):
            return
        if len(members(left)) < len(members(first)):
            self.report(NOT_EXHAUSTIVE, node, f"no branch for {show(left)}", HINT)

    def _do(self, node: tree.Do, env: Env) -> Env | None:
        return self.block(node.body, env)

    def _break(self, node: tree.Break, env: Env) -> Env | None:
        self.frame.breaks[-1].append(env)
        return None

    def _goto(self, node: tree.Goto, env: Env) -> Env | None:
        gotos = self.frame.gotos
        gotos[node.name] = self.join(gotos.get(node.name), env)
        return None

    def _label(self, node: tree.Label, env: Env) -> Env | None:
        env = self.join(env, self.frame.gotos.pop(node.name, None)) or env
        if node.backward:
            return self.for_loop(env, 0, len(self.chunk.tokens.kinds))
        return env

    def _declaration(self, node: Node, env: Env) -> Env | None:
        return env


def _written(node: tree.FunctionStatement) -> str:
    """`a.b.c` or `a.b:c`, "_" where a function is no plain definition."""
    parts: list[str] = []
    target: Node = node.target
    while isinstance(target, tree.Field):
        parts.append(target.name)
        target = target.object
    if not isinstance(target, tree.Name):
        return "_"
    path = ".".join([target.name, *reversed(parts)])
    return f"{path}:{node.method}" if node.method is not None else path


_EXECUTE: dict[type, Any] = {
    tree.Local: Statements._local,
    tree.Assign: Statements._assign,
    tree.CallStatement: Statements._call_statement,
    tree.Do: Statements._do,
    tree.While: Loops.while_,
    tree.Repeat: Loops.repeat,
    tree.If: Statements._if,
    tree.NumericFor: Loops.numeric_for,
    tree.GenericFor: Loops.generic_for,
    tree.FunctionStatement: Statements._function_statement,
    tree.LocalFunction: Statements._local_function,
    tree.Return: Statements.return_,
    tree.Break: Statements._break,
    tree.Goto: Statements._goto,
    tree.Label: Statements._label,
    tree.TypeDeclaration: Statements._declaration,
    tree.InterfaceDeclaration: Statements._declaration,
}
