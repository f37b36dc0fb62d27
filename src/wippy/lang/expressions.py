"""The parser of expressions."""

from __future__ import annotations

from wippy.lang import tree
from wippy.lang.cursor import NAMES
from wippy.lang.lexer import unquote
from wippy.lang.scope import Scope
from wippy.lang.tree import Expression, Param
from wippy.lang.types import TypeParser

# Operator → (left, right) binding power. `..` is read as a chain; `>=` and `>>` are two tokens each.
_POWERS = {
    "or": (1, 1),
    "and": (2, 2),
    "==": (3, 3),
    "~=": (3, 3),
    "<": (3, 3),
    "<=": (3, 3),
    ">": (3, 3),
    "|": (4, 4),
    "~": (5, 5),
    "&": (6, 6),
    "<<": (7, 7),
    "..": (9, 9),
    "+": (10, 10),
    "-": (10, 10),
    "*": (11, 11),
    "/": (11, 11),
    "//": (11, 11),
    "%": (11, 11),
    "^": (14, 13),
}
_UNARY = frozenset(("not", "-", "#", "~"))
_UNARY_POWER = 12
_SUFFIXES = frozenset((".", ":", "(", "[", "string", "{"))
_CASTS = frozenset(("::", "as", "!"))
_CONSTANTS = frozenset(("nil", "true", "false"))
_MARKED = frozenset(("%", "//", ">>", "<<"))


class ExpressionParser(TypeParser):
    """Expressions, function bodies and table constructors. Needs `block` of the parser above it."""

    scope: Scope
    type_values: list[tree.TypeDeclaration]
    requires: list[tuple[str, int]]
    globals: set[str]

    def block(self) -> list[tree.Node]:
        raise NotImplementedError

    def expression_list(self) -> list[Expression]:
        found = [self.expression()]
        while self.kinds[self.i] == ",":
            self.i += 1
            found.append(self.expression())
        return found

    def expression(self, limit: int = 0) -> Expression:
        kinds = self.kinds
        at = self.i
        kind = kinds[at]
        left: Expression
        if kind == "name":
            name = self.texts[at]
            variable = self.scope.names.get(name)
            if variable is None:
                self.globals.add(name)
            self.i = at + 1
            left = tree.Name(at, at + 1, name, variable)
            kind = kinds[at + 1]
            if kind in _SUFFIXES:
                left = self.suffixes(left, at)
                kind = kinds[self.i]
            if kind in _CASTS:
                left = self._casts(left, at)
        elif kind in _UNARY:
            self.i = at + 1
            operand = self.expression(_UNARY_POWER)
            left = tree.Unary(at, self.i, kind, operand)
        else:
            left = self._operand()
        while True:
            op_at = self.i
            kind = kinds[op_at]
            powers = _POWERS.get(kind)
            if powers is None:
                return left
            if kind == ">":
                follows = kinds[op_at + 1]
                if follows in (">", "=") and self.tokens.starts[op_at + 1] == self.tokens.ends[op_at]:
                    if follows == ">":
                        powers = (7, 7)
                    kind += follows
            if powers[0] <= limit:
                return left
            self.i = op_at + (2 if kind in (">>", ">=") else 1)
            if kind == "..":
                operands = [left]
                while True:
                    operands.append(self.expression(9))
                    if kinds[self.i] != "..":
                        break
                    self.i += 1
                left = tree.Concat(at, self.i, operands)
                self.marks.append(left)
            else:
                right = self.expression(powers[1])
                left = tree.Binary(at, self.i, kind, left, right, op_at)
                if kind in _MARKED:
                    self.marks.append(left)

    def _operand(self) -> Expression:
        """A value that begins with no name or operator, with its suffixes and casts."""
        kinds = self.kinds
        at = self.i
        kind = kinds[at]
        node: Expression
        if kind == "string":
            self.i = at + 1
            node = tree.String(at, at + 1, self.texts[at])
        elif kind == "number":
            self.i = at + 1
            node = tree.Number(at, at + 1, self.texts[at])
        elif kind in _CONSTANTS:
            self.i = at + 1
            node = tree.Constant(at, at + 1, kind)
        elif kind == "{":
            node = self._table()
        elif kind == "(":
            node = self.suffixes(self._paren(), at)
        elif kind == "function":
            self.i = at + 1
            node = self.function(at)
        elif kind == "...":
            if not self.scope.function.vararg:
                self.fail("cannot use '...' outside a vararg function")
            self.i = at + 1
            node = tree.Constant(at, at + 1, kind)
        elif kind == "typeof" and self._is_type_value(at):
            node = self.suffixes(self._type_value(at), at)
        elif kind in NAMES:
            self.i = at + 1
            node = self.suffixes(self._name_node(at), at)
        else:
            self.unexpected()
        return self._casts(node, at) if kinds[self.i] in _CASTS else node

    def _is_type_value(self, at: int) -> bool:
        return self.kinds[at + 1] == "(" and self.scope.names.get("typeof") is None

    def _type_value(self, at: int) -> tree.Cast:
        """`typeof(…)` as an expression."""
        target = self.type_of()
        name = f"typeof {len(self.type_values) + 1}"
        self.type_values.append(tree.TypeDeclaration(at, self.i, name, [], target, False))
        node = tree.Cast(at, self.i, target.value, "typeof", tree.TypeName(at, self.i, ["any"], []), at)
        self.marks.append(node)
        return node

    def _name_node(self, at: int) -> tree.Name:
        name = self.texts[at]
        variable = self.scope.names.get(name)
        if variable is None:
            self.globals.add(name)
        return tree.Name(at, at + 1, name, variable)

    def _paren(self) -> tree.Paren:
        at = self.i
        self.i += 1
        inner = self.expression()
        self.close(")", "(", at)
        return tree.Paren(at, self.i, inner)

    def primary(self) -> Expression:
        """A name or parenthesised expression with its suffixes: what a statement may begin with."""
        at = self.i
        kind = self.kinds[at]
        if kind == "typeof" and self._is_type_value(at):
            return self.suffixes(self._type_value(at), at)
        if kind == "name" or kind in NAMES:
            self.i = at + 1
            return self.suffixes(self._name_node(at), at)
        if kind == "(":
            return self.suffixes(self._paren(), at)
        return self.unexpected()

    def suffixes(self, node: Expression, at: int) -> Expression:
        kinds = self.kinds
        while True:
            i = self.i
            kind = kinds[i]
            if kind == ".":
                if kinds[i + 1] not in NAMES:
                    self.i = i + 1
                    self.unexpected("name")
                self.i = i + 2
                node = tree.Field(at, i + 2, node, self.texts[i + 1])
            elif kind == "(":
                if kinds[i - 1] == ")" and "\n" in self.tokens.skips[i]:
                    self.fail(
                        "ambiguous syntax (function call x new statement)",
                        hint="put a ; in front of the parenthesis if it begins a new statement",
                    )
                node = self._call(node, at)
            elif kind == ":":
                if kinds[i + 1] not in NAMES:
                    self.i = i + 1
                    self.unexpected("name")
                self.i = i + 2
                if kinds[i + 2] not in ("(", "string", "{"):
                    self.unexpected("'(' with the arguments of the method")
                args = self._arguments()
                node = tree.MethodCall(at, self.i, node, self.texts[i + 1], args)
            elif kind == "[":
                self.i = i + 1
                key = self.expression()
                self.close("]", "[", i)
                node = tree.Index(at, self.i, node, key)
            elif kind == "string" or kind == "{":
                node = self._call(node, at)
            else:
                return node

    def _call(self, callee: Expression, at: int) -> tree.Call:
        args = self._arguments()
        if type(callee) is tree.Name and callee.name == "require" and callee.variable is None and len(args) == 1:
            name = args[0]
            if isinstance(name, tree.String):
                self.requires.append((unquote(name.text).decode("utf-8", "replace"), self.tokens.line(at)))
        return tree.Call(at, self.i, callee, args)

    def _arguments(self) -> list[Expression]:
        at = self.i
        kind = self.kinds[at]
        if kind == "string":
            self.i = at + 1
            return [tree.String(at, at + 1, self.texts[at])]
        if kind == "{":
            return [self._table()]
        self.i = at + 1
        if self.kinds[at + 1] == ")":
            self.i = at + 2
            return []
        args = self.expression_list()
        self.close(")", "(", at)
        return args

    def _casts(self, node: Expression, at: int) -> Expression:
        """`:: T`, `as T` and `!` behind a value."""
        kinds = self.kinds
        chained = False
        while True:
            op_at = self.i
            kind = kinds[op_at]
            if kind == "!":
                self.i += 1
                node = tree.Cast(at, self.i, node, "!", None, op_at)
            elif kind == "as" or (kind == "::" and not chained):
                self.i += 1
                target = self.type()
                node = tree.Cast(at, self.i, node, kind, target, op_at)
                chained = kind == "::"
            elif kind == "::":
                self.fail("a cast cannot follow a cast", hint="put the first one into parentheses: (x :: A) :: B")
            else:
                break
            self.marks.append(node)
        if kinds[self.i] in _SUFFIXES and node.to == self.i and "\n" not in self.tokens.skips[self.i]:
            self.fail(
                f"unexpected symbol near {self.near(self.i)}",
                hint="put the cast into parentheses before a field, an index or a call: (x :: T).name",
            )
        return node

    def _table(self) -> tree.Table:
        kinds = self.kinds
        at = self.i
        self.i = at + 1
        items: list[tree.Item] = []
        guarded = False
        while True:
            i = self.i
            kind = kinds[i]
            if kind == "}":
                break
            if kinds[i + 1] == "=" and kind in NAMES:
                self.i = i + 2
                value = self.expression()
                name = self.texts[i]
                items.append(tree.Item(i, self.i, name, None, value))
                guarded = guarded or name == "_ENV"
            elif kind == "[":
                self.i = i + 1
                key = self.expression()
                self.close("]", "[", i)
                self.expect("=")
                value = self.expression()
                items.append(tree.Item(i, self.i, None, key, value))
                guarded = guarded or not isinstance(key, tree.String | tree.Number)
            else:
                value = self.expression()
                items.append(tree.Item(i, self.i, None, None, value))
            kind = kinds[self.i]
            if kind != "," and kind != ";":
                break
            self.i += 1
        self.close("}", "{", at)
        node = tree.Table(at, self.i, items)
        if guarded:
            self.marks.append(node)
        return node

    def function(self, at: int, method: bool = False) -> tree.Function:
        """A function from its type parameters or `(` on; `at` is its `function` token."""
        kinds = self.kinds
        tparams = self.type_parameters() if kinds[self.i] == "<" else []
        if kinds[self.i] != "(":
            self.unexpected("'('")
        opener = self.i
        self.i += 1
        scope = self.scope
        scope.open_function(False)
        if method:
            scope.declare(tree.Variable("self", opener, "param"))
        params: list[Param] = []
        while kinds[self.i] != ")":
            start = self.i
            annotation = None
            if kinds[start] == "...":
                scope.function.vararg = True
                name = "..."
                self.i = start + 1
            else:
                name = self.take_name()
                if kinds[self.i] == "?":
                    self.fail("unexpected symbol near '?'", hint=f"an optional parameter is written {name}: T?")
                scope.declare(tree.Variable(name, start, "param"))
            if kinds[self.i] == ":":
                self.i += 1
                annotation = self.type()
            params.append(Param(start, self.i, name, annotation))
            if name == "..." or kinds[self.i] != ",":
                break
            self.i += 1
            if kinds[self.i] == ")":
                self.unexpected("name")
        self.close(")", "(", opener)
        results = None
        if kinds[self.i] == ":":
            self.i += 1
            results = self.results()
        entry = self.i - 1
        body = self.block()
        self.close("end", "function", at)
        scope.close_function(body)
        node = tree.Function(at, self.i, tparams, params, results, body, entry)
        self.marks.append(node)
        return node
