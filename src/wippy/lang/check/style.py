"""The style rules W0001 to W0007."""

from __future__ import annotations

from collections.abc import Iterator

from wippy.lang import tree
from wippy.lang.check.diagnostic import ERROR, HINT, WARNING, Diagnostic
from wippy.lang.check.survey import Survey
from wippy.lang.tree import Chunk, Node

_TRUE = frozenset(("==", "<=", ">="))


def style(chunk: Chunk, survey: Survey | None = None) -> list[Diagnostic]:
    """The findings of all style rules in a chunk."""
    survey = survey or Survey(chunk)
    tokens = chunk.tokens

    def at(code: str, severity: str, message: str, token: int) -> Diagnostic:
        line, column = tokens.position(tokens.starts[token])
        return Diagnostic(code, severity, message, line, column)

    found = [at("W0001", WARNING, f"empty {kind} block", node.at) for node, body, kind in survey.blocks if not body]
    for name, token in survey.global_writes.items():
        found.append(at("W0002", WARNING, f"assignment to global variable '{name}'; consider using 'local'", token))
    for name, nodes in survey.global_functions.items():
        token = nodes[0].target.at
        found.append(
            at("W0002", WARNING, f"function '{name}' declared as global; consider using 'local function'", token)
        )
    for node in survey.compares:
        if _simple(node.left) and _text(chunk, node.left) == _text(chunk, node.right):
            outcome = "true" if node.op in _TRUE else "false"
            found.append(
                at("W0003", ERROR, f"comparison of identical expressions; result is always {outcome}", node.at)
            )
    found.extend(at(*each) for each in _unused(survey))
    found.extend(
        at("W0007", HINT, f"variable '{name}' shadows a variable in an outer scope", token)
        for name, token in _shadowed(chunk.body)
    )
    return found


def _exempt(name: str) -> bool:
    return name.startswith("_") or name == "self" or name == ""


def _unused(survey: Survey) -> Iterator[tuple[str, str, str, int]]:
    for name, token, form, value in survey.declared:
        if token in survey.reads or name in survey.type_roots or _exempt(name):
            continue
        if form == "param":
            yield "W0005", HINT, f"parameter '{name}' is unused", token
        elif form == "for":
            yield "W0004", WARNING, f"loop variable '{name}' is declared but never used", token
        elif _is_require(value):
            yield "W0006", WARNING, f"imported module '{name}' is never used", token
        else:
            yield "W0004", WARNING, f"variable '{name}' is declared but never used", token


def _is_require(value: Node | None) -> bool:
    return (
        isinstance(value, tree.Call)
        and isinstance(value.callee, tree.Name)
        and value.callee.name == "require"
        and value.callee.variable is None
    )


def _simple(node: Node) -> bool:
    """Names, fields and literals: reading them twice gives the same."""
    while isinstance(node, (tree.Field, tree.Paren)):
        node = node.object if isinstance(node, tree.Field) else node.inner
    return isinstance(node, (tree.Name, tree.Number, tree.String)) or (
        isinstance(node, tree.Constant) and node.text != "..."
    )


def _text(chunk: Chunk, node: Node) -> list[str]:
    return chunk.tokens.texts[node.at : node.to]


def _shadowed(body: list[Node]) -> Iterator[tuple[str, int]]:
    """Declarations that hide a variable of an enclosing block. Blocks are visited from a stack, not by recursion."""
    stack: list[tuple[list[Node], frozenset[str], list[tuple[str, int]]]] = [(body, frozenset(), [])]
    while stack:
        nodes, outer, declared = stack.pop()
        here: set[str] = set()
        for name, token in declared:
            if name in outer and not _exempt(name):
                yield name, token
            here.add(name)
        for node in nodes:
            visible = outer | here
            for function, self_too in _functions(node):
                params = [(p.name or "", p.at) for p in function.params if p.name != "..."]
                own = visible
                if isinstance(node, tree.LocalFunction):
                    own = visible | {node.name}
                stack.append((function.body, own | {"self"} if self_too else own, params))
            for name, token in _declares(node):
                if name in outer and not _exempt(name):
                    yield name, token
                here.add(name)
            if isinstance(node, (tree.Do, tree.While, tree.Repeat)):
                stack.append((node.body, visible, []))
            elif isinstance(node, tree.If):
                stack.extend((clause.body, visible, []) for clause in node.clauses)
            elif isinstance(node, tree.NumericFor):
                stack.append((node.body, visible, [(node.name, node.at + 1)]))
            elif isinstance(node, tree.GenericFor):
                names = [(name, node.at + 1 + 2 * index) for index, name in enumerate(node.names)]
                stack.append((node.body, visible, names))


def _declares(node: Node) -> list[tuple[str, int]]:
    if isinstance(node, tree.Local):
        return [(param.name or "", param.at) for param in node.names]
    if isinstance(node, tree.LocalFunction):
        return [(node.name, node.at + 2)]
    return []


def _functions(node: Node) -> Iterator[tuple[tree.Function, bool]]:
    """The functions written in the expressions of one statement, not those inside of them."""
    stack: list[Node] = []
    if isinstance(node, (tree.Local, tree.Assign, tree.Return, tree.GenericFor)):
        stack.extend(node.values)
    elif isinstance(node, tree.CallStatement):
        stack.append(node.call)
    elif isinstance(node, (tree.LocalFunction, tree.FunctionStatement)):
        yield node.function, isinstance(node, tree.FunctionStatement) and node.method is not None
    elif isinstance(node, (tree.While, tree.Repeat)):
        stack.append(node.condition)
    elif isinstance(node, tree.If):
        stack.extend(clause.condition for clause in node.clauses if clause.condition is not None)
    while stack:
        each = stack.pop()
        if isinstance(each, tree.Function):
            yield each, False
        elif isinstance(each, tree.Call):
            stack.append(each.callee)
            stack.extend(each.args)
        elif isinstance(each, tree.MethodCall):
            stack.append(each.object)
            stack.extend(each.args)
        elif isinstance(each, tree.Table):
            stack.extend(item.value for item in each.items)
        elif isinstance(each, (tree.Field, tree.Index)):
            stack.append(each.object)
        elif isinstance(each, tree.Paren):
            stack.append(each.inner)
        elif isinstance(each, tree.Cast):
            stack.append(each.value)
        elif isinstance(each, tree.Unary):
            stack.append(each.operand)
        elif isinstance(each, tree.Binary):
            stack.extend((each.left, each.right))
        elif isinstance(each, tree.Concat):
            stack.extend(each.operands)
