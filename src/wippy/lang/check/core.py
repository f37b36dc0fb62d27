"""What all parts of the checker share: findings, variables, and what is known at a place.

What is known at a place is a dict, `Env`: a variable (the token that declares it) or a path (variable, field, …)
→ the type it has just now. Entries such as ("pair", variable) hold what a later test will tell. Where control
cannot come, the env is None.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wippy.lang import tree
from wippy.lang.check.diagnostic import ERROR, Diagnostic
from wippy.lang.check.resolve import Bound, Library, Resolver
from wippy.lang.check.survey import Survey, field_name
from wippy.lang.check.types import ANY, NIL, Type, truthy, union, widened, without_nil
from wippy.lang.tree import Chunk, Expression, Node

Env = dict[Any, Any]
_PATH = 8
# In front of a constant index in a path; no name begins so.
_INDEXED = "\0"
# Among what a kept condition mentions: fields, which any call may write.
_FIELDS = "fields"


class Core:
    """State of the check of one chunk."""

    def __init__(self, chunk: Chunk, survey: Survey, libraries: Mapping[str, Library]) -> None:
        self.chunk = chunk
        self.survey = survey
        self.found: list[Diagnostic] = []
        self.resolver = Resolver(list(chunk.declarations), libraries, self.unresolved)
        self.resolver.classes = "setmetatable" in chunk.globals
        self.bound: Bound = {}
        self.declared: dict[int, Type] = {}
        self.annotated: set[int] = set()
        self.captured = survey.captured_writes()
        self.silent = 0
        self.has_classes = "setmetatable" in chunk.globals

    def unresolved(self, node: tree.TypeName) -> None:
        return

    def report(self, code: str, at: Node | int, message: str, severity: str = ERROR, hint: str = "") -> None:
        """Notes a finding at a node or token."""
        token = at if isinstance(at, int) else at.at
        tokens = self.chunk.tokens
        line, column = tokens.position(tokens.starts[token])
        self.found.append(Diagnostic(code, severity, message, line, column, severity == ERROR, hint))

    # Variables and paths

    def key(self, node: Expression, depth: int = 0) -> Any:
        """What an env calls a variable or a path of fields, None for other expressions."""
        steps: list[tuple[str | int, ...]] = []
        while True:
            if type(node) is tree.Name:
                if node.variable is None:
                    return None
                at = node.variable.at
                return (at, *(part for step in reversed(steps) for part in step)) if steps else at
            step = self.step(node, depth)
            if step is None or len(steps) > _PATH:
                return None
            steps.append(step)
            node = node.object  # type: ignore[attr-defined]

    def step(self, node: Node, depth: int = 0) -> tuple[str | int, ...] | None:
        """What a field or index adds to a path; None where it is not the same each time it is read."""
        name = field_name(node)
        if name is not None:
            return (name,)
        inner = self._index(node.key, depth + 1) if type(node) is tree.Index else None
        return None if inner is None else (f"{_INDEXED}[", *inner, f"{_INDEXED}]")

    def _index(self, node: Expression, depth: int) -> tuple[str | int, ...] | None:
        """An index as parts of a path: the variables it reads are among them."""
        if depth > _PATH:
            return None
        if isinstance(node, (tree.Number, tree.String)):
            return (_INDEXED + node.text,)
        if isinstance(node, (tree.Name, tree.Field, tree.Index)):
            key = self.key(node, depth)
            return key if type(key) is tuple or key is None else (key,)
        if isinstance(node, tree.Paren):
            return self._index(node.inner, depth + 1)
        if isinstance(node, tree.Unary):
            inner = self._index(node.operand, depth + 1)
            return None if inner is None else (_INDEXED + node.op, *inner)
        if isinstance(node, tree.Binary):
            left, right = self._index(node.left, depth + 1), self._index(node.right, depth + 1)
            return None if left is None or right is None else (*left, _INDEXED + node.op, *right)
        return None

    def variable(self, at: int, env: Env) -> Type:
        found = env.get(at)
        return found if found is not None else self.declared.get(at, ANY)

    def declare(self, at: int, env: Env, annotation: Type | None, value: Type) -> None:
        """A new variable with its first value."""
        if annotation is not None:
            self.declared[at] = annotation
            self.annotated.add(at)
            self.assign(at, env, value)
        elif at in self.captured:
            self.declared[at] = ANY
        elif at in self.survey.writes:
            self.declared[at] = ANY
            env[at] = ANY if value is NIL else value
        else:
            self.declared[at] = value

    def assign(self, at: int, env: Env, value: Type) -> None:
        """A variable holds another value from here on."""
        declared = self.declared.get(at, ANY)
        if at in self.annotated:
            if value is ANY or declared is ANY:
                env.pop(at, None)
            elif at in self.captured:
                env.pop(at, None)
                if truthy(value) is value:
                    env[at] = self.assigned(declared, value)
            else:
                env[at] = self.assigned(declared, value)
        elif at not in self.captured:
            env[at] = value

    def assigned(self, declared: Type, value: Type) -> Type:
        raise NotImplementedError

    def kill(self, at: int, env: Env) -> None:
        """Forgets what is known through a variable that is about to be assigned."""
        for key in [key for key in env if type(key) is tuple and at in key]:
            del env[key]
        for key in [key for key, held in env.items() if type(held) is tuple and at in held]:
            del env[key]

    def kill_path(self, path: tuple[Any, ...], env: Env) -> None:
        """Forgets what is known of a path and what lies behind it; two indexes may be the same element."""
        size = next((at for at, step in enumerate(path) if at and _is_index(step)), len(path))
        path = path[:size]
        for key in [key for key in env if type(key) is tuple and key[:size] == path]:
            del env[key]
        self._forget_fields(env)

    def _forget_fields(self, env: Env) -> None:
        """Tests of fields that were made before tell nothing any more."""
        for key in [key for key, held in env.items() if type(held) is tuple and _FIELDS in held]:
            del env[key]

    def mentions(self, node: Expression) -> set[Any]:
        """The variables that an expression reads, and a mark when it reads fields or calls."""
        found: set[Any] = set()
        stack: list[Any] = [node]
        while stack:
            each = stack.pop()
            if type(each) is tree.Name:
                if each.variable is not None:
                    found.add(each.variable.at)
            elif type(each) in (tree.Paren, tree.Cast, tree.Unary, tree.Binary):
                stack.extend(_operands(each))
            elif type(each) in (tree.Field, tree.Index):
                found.add(_FIELDS)
                stack.append(each.object)
            elif type(each) in (tree.Call, tree.MethodCall):
                stack.append(each.callee if type(each) is tree.Call else each.object)
                stack.extend(each.args)
        return found

    def after_call(self, env: Env) -> None:
        """A call may have filled what was found empty."""
        for key, held in env.items():
            if type(key) is tuple and type(key[0]) is int and held is not ANY and without_nil(held) is not held:
                env[key] = ANY
        self._forget_fields(env)

    def join(self, first: Env | None, second: Env | None) -> Env | None:
        """What is known where two ways meet."""
        if first is None or first is second:
            return second
        if second is None:
            return first
        out: Env = {}
        for key, held in first.items():
            other = second.get(key)
            if other is None:
                continue
            if held is other:
                out[key] = held
            elif type(key) is int:
                out[key] = self._joined(key, held, other)
            elif type(key[0]) is int:
                out[key] = union((held, other))
            elif held == other:
                out[key] = held
        return out

    def _joined(self, at: int, first: Type, second: Type) -> Type:
        if at in self.annotated or at not in self.survey.writes:
            return union((first, second))
        first, second = widened(first), widened(second)
        if first is second:
            return first
        if without_nil(first) is without_nil(second) or first is NIL or second is NIL:
            return union((first, second))
        parts = union((first, second))
        return parts if parts is first or parts is second else ANY

    def for_loop(self, env: Env, start: int, end: int) -> Env:
        """What is known at the head of a loop whatever its body has done before."""
        out = dict(env)
        for at in self.survey.written_in(start, end):
            if at in out or at in self.declared:
                self.kill(at, out)
                out.pop(at, None)
        names = self.survey.fields_written_in(start, end)
        if names:
            self._forget_fields(out)
        for key in [key for key in out if type(key) is tuple and type(key[0]) is int]:
            if names.intersection(key[1:]) or any(map(_is_index, key[1:])):
                del out[key]
        return out

    def for_function(self, env: Env, function: tree.Function) -> Env:
        """What is still known when a function that is made here runs later."""
        out: Env = {}
        for key, held in env.items():
            if type(key) is int:
                if self._settled(key, function):
                    out[key] = held
            elif type(key[0]) is int and all(self._settled(at, function) for at in key if type(at) is int):
                out[key] = held
        return out

    def _settled(self, at: int, function: tree.Function) -> bool:
        """Whether a variable keeps the value that it has where a function is made."""
        writes = self.survey.writes.get(at)
        return writes is None or (writes[-1] < function.at and at not in self.captured)


def _operands(node: Any) -> tuple[Expression, ...]:
    if type(node) is tree.Binary:
        return (node.left, node.right)
    if type(node) is tree.Unary:
        return (node.operand,)
    return (node.inner if type(node) is tree.Paren else node.value,)


def _is_index(step: Any) -> bool:
    return type(step) is int or (type(step) is str and step.startswith(_INDEXED))
