"""The parser of statements, and the way in: `parse`."""

from __future__ import annotations

from collections.abc import Callable

from wippy.errors import SourceError
from wippy.lang import tree
from wippy.lang.cursor import NAMES
from wippy.lang.expressions import ExpressionParser
from wippy.lang.lexer import KEYWORDS, Tokens, normalize
from wippy.lang.scope import Scope
from wippy.lang.tree import Chunk, Expression, Node, Param, Variable

_BLOCK_ENDS = frozenset(("eof", "end", "else", "elseif", "until"))
_CALLS = (tree.Call, tree.MethodCall)


def parse(source: bytes | str, name: str) -> Chunk:
    """The tree of a chunk.

    Args:
        source: the text; `str` is taken as UTF-8.
        name: entry ID or path, for error messages.

    Raises:
        SourceError: a syntax error, with line and column.
    """
    tokens = Tokens(normalize(source))
    parser = Parser(tokens, name)
    try:
        body = parser.chunk()
    except RecursionError:
        line, column = tokens.position(tokens.starts[parser.i])
        raise SourceError(
            "chunk is nested too deeply",
            file=name,
            line=line,
            column=column,
            text=tokens.line_text(line),
            hint="split the expression or the functions into smaller ones",
        ) from None
    finally:
        # Parser and scope know each other: without this their lists wait for the garbage collector.
        del parser.scope
    return Chunk(
        name,
        tokens,
        body,
        parser.marks,
        parser.declarations,
        parser.type_values,
        parser.requires,
        parser.globals,
    )


class Parser(ExpressionParser):
    """Statements."""

    def __init__(self, tokens: Tokens, name: str) -> None:
        super().__init__(tokens, name)
        self.marks: list[Expression] = []
        self.declarations: list[tree.TypeDeclaration | tree.InterfaceDeclaration] = []
        self.type_values: list[tree.TypeDeclaration] = []
        self.requires: list[tuple[str, int]] = []
        self.globals: set[str] = set()
        self.line_of = tokens.line
        self.scope = Scope(self)

    def chunk(self) -> list[Node]:
        body = self.block()
        if self.kinds[self.i] != "eof":
            self.unexpected("'<eof>'")
        self.scope.close_block(body)
        return body

    def block(self) -> list[Node]:
        """Statements up to the end of the block; the caller opens and closes its scope."""
        kinds = self.kinds
        statements = _STATEMENTS
        body: list[Node] = []
        while True:
            kind = kinds[self.i]
            if kind == "name":
                body.append(self._expression_statement())
            elif kind in statements:
                body.append(statements[kind](self))
                if kind == "return":
                    return body
            elif kind in _BLOCK_ENDS:
                return body
            elif kind == ";":
                self.i += 1
            else:
                body.append(self._expression_statement())

    def scoped_block(self) -> list[Node]:
        self.scope.open_block()
        body = self.block()
        self.scope.close_block(body)
        return body

    def _expression_statement(self) -> Node:
        at = self.i
        node = self.primary()
        kind = self.kinds[self.i]
        if kind == "=" or kind == ",":
            return self._assignment(at, node)
        if isinstance(node, _CALLS):
            if kind in ("as", "!", "::"):
                self.fail(f"unexpected symbol near {self.near(self.i)}", hint="a cast is not a statement")
            return tree.CallStatement(at, self.i, node)
        inner = node
        while isinstance(inner, tree.Paren):
            inner = inner.inner
        if isinstance(inner, _CALLS):
            statement = tree.CallStatement(at, self.i, node)
            self.marks.append(statement)
            return statement
        if kind in ("+", "-", "*", "/", "%", "..") and self.kinds[self.i + 1] == "=":
            self.unexpected(hint=f"write x = x {kind} …")
        if kind == "eof" or kind[0] == "!":
            self.unexpected()
        self.fail(f"syntax error near {self.near(self.i)}", hint="a statement is an assignment or a call")

    def _assignment(self, at: int, first: Expression) -> Node:
        targets = [first]
        while self.kinds[self.i] == ",":
            self.i += 1
            targets.append(self.primary())
        for target in targets:
            if not isinstance(target, tree.Name | tree.Field | tree.Index):
                self.fail("cannot assign to this expression", target.at)
        self.expect("=")
        values = self.expression_list()
        node = tree.Assign(at, self.i, targets, values)
        for target in targets:
            if isinstance(target, tree.Name):
                if target.variable is not None:
                    target.variable.assigned = True
            elif type(target) is tree.Index and not isinstance(target.key, tree.String | tree.Number):
                self.marks.append(node)
                break
        return node

    def _local(self) -> Node:
        at = self.i
        kinds = self.kinds
        self.i = at + 1
        if kinds[at + 1] == "function":
            self.i = at + 2
            name = self.take_name()
            self.scope.declare(Variable(name, at + 2, "function"))
            function = self.function(at + 1)
            return tree.LocalFunction(at, self.i, name, function)
        names: list[Param] = []
        while True:
            start = self.i
            name = self.take_name()
            annotation = None
            kind = kinds[self.i]
            if kind == ":":
                self.i += 1
                annotation = self.type()
                kind = kinds[self.i]
            elif kind == "<":
                self.fail("unexpected symbol near '<'", hint="attributes such as <const> and <close> do not exist")
            names.append(Param(start, self.i, name, annotation))
            if kind != ",":
                break
            self.i += 1
        node = tree.Local(at, self.i, names, [])
        declare = self.scope.declare
        if kind == "=":
            self.i += 1
            if len(names) == 1 and kinds[self.i] == "function":
                return self._self_visible(node)
            node.values = values = self.expression_list()
            node.to = self.i
            for index, param in enumerate(names):
                value = values[index] if index < len(values) else None
                declare(Variable(param.name or "", param.at, "local", value))
        else:
            for param in names:
                declare(Variable(param.name or "", param.at, "local"))
        if any(param.type is not None for param in names):
            self.marks.append(node)
        return node

    def _self_visible(self, node: tree.Local) -> Node:
        """`local f = function … end`: f is visible in its own body when the function is the whole value."""
        param = node.names[0]
        self.scope.declare(Variable(param.name or "", param.at, "local"))
        node.values = self.expression_list()
        node.to = self.i
        self.marks.append(node)
        return node

    def _if(self) -> Node:
        at = self.i
        clauses: list[tree.Clause] = []
        kinds = self.kinds
        while True:
            start = self.i
            self.i += 1
            condition = self.expression()
            self.expect("then")
            clauses.append(tree.Clause(start, self.i, condition, self.scoped_block()))
            kind = kinds[self.i]
            if kind != "elseif":
                break
        if kind == "else":
            start = self.i
            self.i += 1
            clauses.append(tree.Clause(start, self.i, None, self.scoped_block()))
        self.close("end", "if", at)
        return tree.If(at, self.i, clauses)

    def _return(self) -> Node:
        at = self.i
        self.i = at + 1
        kind = self.kinds[at + 1]
        values = [] if kind in _BLOCK_ENDS or kind == ";" else self.expression_list()
        node = tree.Return(at, self.i, values)
        if self.kinds[self.i] == ";":
            self.i += 1
        if self.kinds[self.i] not in _BLOCK_ENDS:
            self.unexpected("'<eof>'" if self._at_top() else "'end'", "return must be the last statement of its block")
        return node

    def _at_top(self) -> bool:
        function = self.scope.function
        return function.parent is None and function.block.parent is None

    def _for(self) -> Node:
        at = self.i
        self.i = at + 1
        kinds = self.kinds
        names_at = [self.i]
        names = [self.take_name()]
        if kinds[self.i] == ":":
            self.unexpected("'=' or 'in'", "the variables of a for loop take no annotation")
        if kinds[self.i] == "=":
            self.i += 1
            values = self.expression_list()
            if not 2 <= len(values) <= 3:
                self.fail("'for' needs a start, a limit and perhaps a step", at)
            hidden = 3
        else:
            while kinds[self.i] == ",":
                self.i += 1
                names_at.append(self.i)
                names.append(self.take_name())
            if kinds[self.i] != "in":
                self.unexpected("'=' or 'in'" if len(names) == 1 else "'in'")
            self.i += 1
            values = self.expression_list()
            hidden = 4
        entry = self.i
        self.expect("do")
        scope = self.scope
        scope.open_block()
        scope.reserve(hidden, at)
        scope.open_block()
        form = "for" if hidden == 3 else "each"
        start = values[0] if hidden == 4 or len(values) == 2 or _is_integer_step(values[2]) else None
        for index, (name, name_at) in enumerate(zip(names, names_at, strict=True)):
            scope.declare(Variable(name, name_at, form, start, index == 0))
        body = self._loop_body()
        self.close("end", "for", at)
        scope.close_block(body)
        scope.close_block([])
        node = (
            tree.NumericFor(at, self.i, names[0], values, body, entry)
            if hidden == 3
            else tree.GenericFor(at, self.i, names, values, body, entry)
        )
        self.marks.append(node)
        return node

    def _loop_body(self) -> list[Node]:
        function = self.scope.function
        function.loops += 1
        body = self.block()
        function.loops -= 1
        return body

    def _while(self) -> Node:
        at = self.i
        self.i = at + 1
        condition = self.expression()
        entry = self.i
        self.expect("do")
        self.scope.open_block()
        body = self._loop_body()
        self.close("end", "while", at)
        self.scope.close_block(body)
        node = tree.While(at, self.i, condition, body, entry)
        self.marks.append(node)
        return node

    def _repeat(self) -> Node:
        at = self.i
        self.i = at + 1
        scope = self.scope
        scope.open_block()
        scope.function.block.is_repeat = True
        body = self._loop_body()
        self.close("until", "repeat", at)
        condition = self.expression()
        scope.close_block(body)
        node = tree.Repeat(at, self.i, body, condition, at)
        self.marks.append(node)
        return node

    def _do(self) -> Node:
        at = self.i
        self.i = at + 1
        body = self.scoped_block()
        self.close("end", "do", at)
        return tree.Do(at, self.i, body)

    def _break(self) -> Node:
        at = self.i
        if not self.scope.function.loops:
            self.fail(f"no loop to break at line {self.line_of(at)}", at)
        self.i = at + 1
        return tree.Break(at, at + 1)

    def _goto(self) -> Node:
        at = self.i
        self.i = at + 1
        name = self.take_name()
        node = tree.Goto(at, self.i, name)
        self.scope.goto(node)
        return node

    def _label(self) -> Node:
        at = self.i
        self.i = at + 1
        name = self.texts[at][2:-2].strip(" \t")
        if name in KEYWORDS:
            self.fail(f"name expected near '{name}'", at, f"'{name}' is a reserved word")
        node = tree.Label(at, at + 1, name)
        self.scope.label(node)
        self.marks.append(node)
        return node

    def _function(self) -> Node:
        at = self.i
        self.i = at + 1
        start = self.i
        name = self.take_name()
        variable = self.scope.names.get(name)
        if variable is None:
            self.globals.add(name)
        target: Expression = tree.Name(start, self.i, name, variable)
        method = None
        kinds = self.kinds
        while kinds[self.i] == ".":
            self.i += 1
            field = self.take_name()
            target = tree.Field(start, self.i, target, field)
        if kinds[self.i] == ":":
            self.i += 1
            method = self.take_name()
        elif variable is not None and isinstance(target, tree.Name):
            variable.assigned = True
        function = self.function(at, method is not None)
        return tree.FunctionStatement(at, self.i, target, method, function)

    def _type(self) -> Node:
        """`type Name = …`; anything else that begins with `type` is an ordinary statement."""
        at = self.i
        kinds = self.kinds
        if kinds[at + 1] not in NAMES or kinds[at + 2] not in ("=", "<"):
            return self._expression_statement()
        self.i = at + 1
        name = self.take_name()
        params = self.type_parameters()
        self.expect("=")
        target = self.type(several=True)
        node = tree.TypeDeclaration(at, self.i, name, params, target, self._at_top())
        return self._declared(node)

    def _interface(self) -> Node:
        at = self.i
        kinds = self.kinds
        if kinds[at + 1] not in NAMES:
            return self._expression_statement()
        self.i = at + 1
        name = self.take_name()
        params = self.type_parameters()
        bases: list[tree.Type] = []
        if kinds[self.i] == ":":
            self.i += 1
            bases.append(self._name_type())
            while kinds[self.i] == ",":
                self.i += 1
                bases.append(self._name_type())
        methods: list[tree.Method] = []
        while kinds[self.i] == "function":
            start = self.i
            self.i += 1
            method = self.take_name()
            if kinds[self.i] != "(":
                self.unexpected("'('")
            inputs = self.type_params()
            results = None
            if kinds[self.i] == ":":
                self.i += 1
                results = self.results()
            methods.append(tree.Method(start, self.i, method, inputs, results))
        self.close("end", "interface", at)
        return self._declared(tree.InterfaceDeclaration(at, self.i, name, params, bases, methods, self._at_top()))

    def _name_type(self) -> tree.Type:
        if self.kinds[self.i] not in NAMES:
            self.unexpected("name")
        return self.type_name()

    def _declared(self, node: tree.TypeDeclaration | tree.InterfaceDeclaration) -> Node:
        self.marks.append(node)
        if node.chunk_level:
            self.declarations.append(node)
        return node


def _is_integer_step(step: Expression) -> bool:
    inner = step.operand if isinstance(step, tree.Unary) and step.op == "-" else step
    return isinstance(inner, tree.Number) and inner.text.isdigit()


_STATEMENTS: dict[str, Callable[[Parser], Node]] = {
    "local": Parser._local,
    "if": Parser._if,
    "return": Parser._return,
    "for": Parser._for,
    "function": Parser._function,
    "while": Parser._while,
    "repeat": Parser._repeat,
    "do": Parser._do,
    "break": Parser._break,
    "goto": Parser._goto,
    "label": Parser._label,
    "type": Parser._type,
    "interface": Parser._interface,
}
