"""Loops: what is known in them whatever they have done before, and after them."""

from __future__ import annotations

from wippy.lang import tree
from wippy.lang.check.core import Env
from wippy.lang.check.functions import Functions
from wippy.lang.check.types import (
    ANY,
    INTEGER,
    NUMBER,
    NUMBERS,
    TABLE,
    Array,
    Function,
    Map,
    Record,
    Type,
    force,
    widened,
    without_nil,
)


class Loops(Functions):
    """Loops."""

    def while_(self, node: tree.While, env: Env) -> Env | None:
        head = self.for_loop(env, node.at, node.to)
        self.condition(node.condition, head)
        self.frame.breaks.append([])
        under = self.refine(node.condition, True, dict(head))
        if under is not None:
            self.block(node.body, under)
        after = self.refine(node.condition, False, dict(head))
        return self._after_loop(after)

    def _after_loop(self, env: Env | None) -> Env | None:
        for other in self.frame.breaks.pop():
            env = self.join(env, other)
        return env

    def repeat(self, node: tree.Repeat, env: Env) -> Env | None:
        head = self.for_loop(env, node.at, node.to)
        self.frame.breaks.append([])
        end = self.block(node.body, dict(head))
        if end is not None:
            self.condition(node.condition, end)
            end = self.refine(node.condition, True, end)
        return self._after_loop(end)

    def numeric_for(self, node: tree.NumericFor, env: Env) -> Env | None:
        types = [self.check(bound, NUMBER, env, "bound of for") for bound in node.bounds]
        head = self.for_loop(env, node.at, node.to)
        wide = [force(widened(each)) for each in types]
        kind = INTEGER if all(each is INTEGER for each in wide) else (ANY if ANY in wide else wide[0])
        self._loop_variable(node.at + 1, kind if kind in NUMBERS else ANY, head)
        self.frame.breaks.append([])
        self.block(node.body, dict(head))
        return self._after_loop(head)

    def _loop_variable(self, at: int, type: Type, env: Env) -> None:
        if at in self.survey.writes:
            self.declared[at] = ANY
            if at not in self.captured:
                env[at] = type
        else:
            self.declared[at] = type

    def generic_for(self, node: tree.GenericFor, env: Env) -> Env | None:
        types = self._iterated(node, env)
        head = self.for_loop(env, node.at, node.to)
        for index in range(len(node.names)):
            self._loop_variable(node.at + 1 + 2 * index, types[index] if index < len(types) else ANY, head)
        self.frame.breaks.append([])
        self.block(node.body, dict(head))
        return self._after_loop(head)

    def _iterated(self, node: tree.GenericFor, env: Env) -> list[Type]:
        """The types of the loop variables."""
        call = node.values[0]
        if len(node.values) == 1 and isinstance(call, tree.Call) and isinstance(call.callee, tree.Name):
            callee = call.callee
            known = callee.variable is None and callee.name not in self.survey.global_writes
            if known and callee.name in ("ipairs", "pairs") and len(call.args) == 1:
                source = self.infer(call.args[0], env)
                self.fit(call.args[0], source, TABLE, f"argument 1 of {callee.name}")
                return _elements(source, callee.name == "pairs")
        found = self.values(node.values, env)
        iterator = force(found.at(0))
        if isinstance(iterator, Function) and iterator.results is not None and not iterator.tparams:
            return [without_nil(result) if index == 0 else result for index, result in enumerate(iterator.results)]
        return []


def _elements(source: Type, keyed: bool) -> list[Type]:
    source = force(source)
    if isinstance(source, Array):
        return [INTEGER, without_nil(source.item)]
    if isinstance(source, Map) and keyed:
        return [without_nil(source.key), without_nil(source.value)]
    if isinstance(source, Record) and keyed and not source.interface:
        return [ANY, ANY]
    return [INTEGER if not keyed else ANY, ANY]
