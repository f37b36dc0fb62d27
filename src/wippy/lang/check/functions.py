"""Functions: their types, their bodies, what they return."""

from __future__ import annotations

from wippy.lang import tree
from wippy.lang.check.core import Env
from wippy.lang.check.diagnostic import MISSING_RETURN
from wippy.lang.check.expressions import Expressions
from wippy.lang.check.text import show
from wippy.lang.check.types import ANY, NEVER, NIL, Function, Parameter, Type, admits_nil, force
from wippy.lang.tree import Expression, Node


class Frame:
    """The function being checked."""

    __slots__ = ("breaks", "declared", "gotos", "results")

    def __init__(self, results: list[Type] | None, declared: bool = False) -> None:
        self.results = results
        self.declared = declared
        self.breaks: list[list[Env | None]] = []
        self.gotos: dict[str, Env | None] = {}


class Functions(Expressions):
    """Functions."""

    frame: Frame

    def block(self, body: list[Node], env: Env | None) -> Env | None:
        raise NotImplementedError

    def signature(self, node: tree.Function) -> Function:
        return self.resolver.signature(node.tparams, node.params, node.results, self.bound)

    def function_value(self, node: tree.Function, env: Env, expected: Function | None) -> Function:
        made = self.signature(node)
        if expected is not None:
            for index, param in enumerate(made.params):
                if not param.annotated:
                    if index < len(expected.params):
                        wanted = expected.params[index].type
                        made.params[index] = Parameter(param.name, wanted, False)
                    elif expected.vararg is not None:
                        made.params[index] = Parameter(param.name, expected.vararg, False)
        hoped = expected.results if expected is not None and not expected.tparams and not made.tparams else None
        self.body(node, made, env, hoped)
        return made

    def body(self, node: tree.Function, made: Function, env: Env, hoped: list[Type] | None = None) -> None:
        """Checks a function's body; `hoped` is what it should return where it declares nothing itself."""
        held_frame, held_bound = self.frame, self.bound
        _, self.bound = (
            self.resolver.variables(node.tparams, self.bound)
            if not made.tparams
            else (
                None,
                {**self.bound, **{variable.name: variable for variable in made.tparams}},
            )
        )
        self.frame = Frame(made.results if node.results is not None else hoped, node.results is not None)
        inner = self.for_function(env, node)
        inner.pop(-1, None)
        if made.vararg is not None:
            inner[-1] = made.vararg
        index = 0
        for param in node.params:
            if param.name == "...":
                continue
            known = made.params[index]
            index += 1
            if known.annotated or known.type is not ANY:
                self.declared[param.at] = known.type
                if known.annotated:
                    self.annotated.add(param.at)
                elif param.at in self.survey.writes:
                    self.declared[param.at] = ANY
                    if param.at not in self.captured:
                        inner[param.at] = known.type
            else:
                self.declared[param.at] = ANY
        end = self.block(node.body, inner)
        results = self.frame.results
        if end is not None and results and self.frame.declared and not all(map(self._may_lack, results)):
            text = f"the function can end here without a return; it must return {self._all(results)}"
            self.report(MISSING_RETURN, node.to - 1, text)
        self.frame, self.bound = held_frame, held_bound

    def _may_lack(self, type: Type) -> bool:
        return admits_nil(type) or force(type) is NEVER

    def _all(self, results: list[Type]) -> str:
        return ", ".join(map(show, results))

    def return_(self, node: tree.Return, env: Env) -> Env | None:
        wanted = self.frame.results
        values = node.values
        if wanted is None:
            if values:
                self.values(values, env)
            return None
        first = values[:-1]
        failure = self._is_failure(values, env)
        for index, value in enumerate(first):
            if index < len(wanted) and not (failure and index == 0):
                self.check(value, wanted[index], env, "return value")
            else:
                self.infer(value, env)
        count = len(first)
        if values:
            last = values[-1]
            if isinstance(last, (tree.Call, tree.MethodCall)) or (
                isinstance(last, tree.Constant) and last.text == "..."
            ):
                found = self.several(last, env)
                for index in range(count, len(wanted)):
                    if index - count >= len(found.first) and found.rest is None:
                        break
                    self.fit(last, found.at(index - count), wanted[index], "return value")
                if self.dead:
                    self.dead = False
                    return None
                if found.rest is not None:
                    return None
                count += len(found.first)
            else:
                if count < len(wanted):
                    self.check(last, wanted[count], env, "return value")
                else:
                    self.infer(last, env)
                count += 1
        for index in range(count, len(wanted) if self.frame.declared else 0):
            if not self._may_lack(wanted[index]):
                text = f"return lacks value {index + 1}; the function must return {self._all(wanted)}"
                self.report(MISSING_RETURN, node, text)
                break
        return None

    def _is_failure(self, values: list[Expression], env: Env) -> bool:
        """`return nil, err`: the way to fail whatever a function returns otherwise."""
        if len(values) < 2 or not isinstance(values[0], tree.Constant) or values[0].text != "nil":
            return False
        error = values[1]
        if isinstance(error, tree.Constant):
            return error.text == "..."
        known = self.peek(error, env) if isinstance(error, (tree.Name, tree.Field)) else ANY
        return known is None or force(known) is not NIL
