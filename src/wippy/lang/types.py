"""The parser of type syntax."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wippy.lang import tree
from wippy.lang.cursor import NAMES, Cursor
from wippy.lang.tree import Param, Type

if TYPE_CHECKING:
    from collections.abc import Callable

_LITERALS = frozenset(("nil", "true", "false", "string", "number"))
_STARTS = NAMES | _LITERALS | {"{", "(", "-"}


class TypeParser(Cursor):
    """Types, type parameters, parameter lists and result lists. Needs `expression` of the parser above it."""

    marks: list[tree.Expression]
    expression: Callable[..., tree.Expression]

    def type(self, several: bool = False, primary: Type | None = None, at: int = -1) -> Type:
        """A type.

        Args:
            several: the results of a function type may go on behind commas without parentheses.
            primary: the beginning of the type, from token `at`, when it is read already.
        """
        if primary is None:
            at = self.i
        left = self._postfix(False, several, primary, at)
        kind = self.kinds[self.i]
        while kind in ("|", "&"):
            items = [left]
            while self.kinds[self.i] == kind:
                self.i += 1
                items.append(self._postfix(False, several))
            node = tree.UnionType if kind == "|" else tree.IntersectionType
            left = node(at, self.i, items)
            kind = self.kinds[self.i]
        if kind == "extends":
            self.i += 1
            base = self._postfix(True, False)
            self.expect("?")
            yes = self.type()
            self.expect(":")
            no = self.type()
            left = tree.ConditionalType(at, self.i, left, base, yes, no)
        return left

    def _postfix(self, opens_branches: bool, several: bool, primary: Type | None = None, at: int = -1) -> Type:
        if primary is None:
            at = self.i
            node = self._primary(several)
        else:
            node = primary
        kinds = self.kinds
        while True:
            kind = kinds[self.i]
            if kind == "?":
                if opens_branches and kinds[self.i + 1] in _STARTS:
                    return node
                self.i += 1
                node = tree.OptionalType(at, self.i, node)
            elif kind == "[":
                self.i += 1
                if kinds[self.i] == "]":
                    self.i += 1
                    node = tree.ArrayType(at, self.i, node)
                else:
                    key = self.type()
                    self.expect("]")
                    node = tree.IndexedType(at, self.i, node, key)
            elif kind == "@":
                node = self._constraint(at, node)
            else:
                return node

    def _constraint(self, at: int, base: Type) -> Type:
        self.i += 1
        name = self.take_name()
        args: list[tree.Expression] = []
        if self.kinds[self.i] == "(":
            opener = self.i
            self.i += 1
            marks = len(self.marks)
            while self.kinds[self.i] != ")":
                args.append(self.expression())
                if self.kinds[self.i] != ",":
                    break
                self.i += 1
            self.close(")", "(", opener)
            del self.marks[marks:]
        return tree.ConstrainedType(at, self.i, base, name, args)

    def _primary(self, several: bool) -> Type:
        at = self.i
        kind = self.kinds[at]
        if kind == "name":
            return self.type_name()
        if kind in _LITERALS:
            self.i += 1
            return tree.LiteralType(at, self.i, self.texts[at])
        if kind == "{":
            return self._braces()
        if kind == "(":
            node = self._parentheses(several)
            return node if isinstance(node, tree.Node) else self._needs_arrow(node)
        if kind == "-" and self.kinds[at + 1] == "number":
            self.i += 2
            return tree.LiteralType(at, self.i, "-" + self.texts[at + 1])
        if kind in NAMES:
            return self._word(kind, several)
        if kind == "function":
            self.i += 1
            return tree.TypeName(at, self.i, ["function"], [])
        return self.unexpected("type")

    def _needs_arrow(self, params: list[Param]) -> Type:
        return self.unexpected("'->'", "a list of types in parentheses is the beginning of a function type")

    def _word(self, kind: str, several: bool) -> Type:
        at = self.i
        follows = self.kinds[at + 1]
        if kind == "fun" and follows == "(":
            self.i += 1
            params = self.type_params()
            results: list[Type] = []
            if self.kinds[self.i] == ":":
                self.i += 1
                results = self._arrow_results(several)
            return tree.FunctionType(at, self.i, params, results)
        if kind == "interface" and follows == "{":
            self.i += 1
            node = self._braces()
            if not isinstance(node, tree.RecordType):
                self.fail("methods expected in interface { … }", at)
            return tree.RecordType(at, self.i, node.fields, True)
        if kind == "readonly" and follows in _STARTS:
            self.i += 1
            inner = self._postfix(False, several)
            return tree.ReadonlyType(at, self.i, inner)
        if kind == "typeof" and follows == "(":
            return self.type_of()
        if kind == "keyof" and follows == "(":
            self.i += 2
            inner = self.type()
            self.close(")", "(", at + 1)
            return tree.KeyOf(at, self.i, inner)
        if kind == "asserts" and follows in NAMES:
            self.i += 1
            name = self.take_name()
            target = None
            if self.kinds[self.i] == "is":
                self.i += 1
                target = self.type()
            return tree.AssertsType(at, self.i, name, target)
        return self.type_name()

    def type_of(self) -> tree.TypeOf:
        """`typeof(…)`, whose expression is not run."""
        at = self.i
        self.i += 2
        marks = len(self.marks)
        inner = self.expression()
        del self.marks[marks:]
        self.close(")", "(", at + 1)
        return tree.TypeOf(at, self.i, inner)

    def type_name(self) -> Type:
        at = self.i
        path = [self.take_name()]
        while self.kinds[self.i] == ".":
            self.i += 1
            path.append(self.take_name())
        args: list[Type] = []
        if self.kinds[self.i] == "<":
            opener = self.i
            self.i += 1
            args.append(self.type())
            while self.kinds[self.i] == ",":
                self.i += 1
                args.append(self.type())
            self.close(">", "<", opener)
        return tree.TypeName(at, self.i, path, args)

    def _braces(self) -> Type:
        at = self.i
        self.i += 1
        kinds = self.kinds
        kind = kinds[self.i]
        if kind == "[":
            self.i += 1
            key = self.type()
            self.expect("]")
            self.expect(":")
            value = self.type()
            if kinds[self.i] in (",", ";"):
                self.i += 1
            self.close("}", "{", at)
            return tree.MapType(at, self.i, key, value)
        if kind == "}" or self._field_ahead():
            return self._record(at)
        items = [self.type()]
        while kinds[self.i] in (",", ";"):
            self.i += 1
            if kinds[self.i] == "}":
                break
            items.append(self.type())
        self.close("}", "{", at)
        return tree.TupleType(at, self.i, items) if len(items) > 1 else tree.ArrayType(at, self.i, items[0])

    def _field_ahead(self) -> bool:
        kinds, i = self.kinds, self.i
        return kinds[i] in NAMES and (kinds[i + 1] == ":" or (kinds[i + 1] == "?" and kinds[i + 2] == ":"))

    def _record(self, at: int) -> Type:
        fields: list[tree.RecordField] = []
        kinds = self.kinds
        while kinds[self.i] != "}":
            start = self.i
            name = self.take_name()
            optional = kinds[self.i] == "?"
            if optional:
                self.i += 1
            self.expect(":")
            inner = self.type(several=True)
            fields.append(tree.RecordField(start, self.i, name, optional, inner))
            if kinds[self.i] not in (",", ";"):
                break
            self.i += 1
        self.close("}", "{", at)
        return tree.RecordType(at, self.i, fields, False)

    def _parentheses(self, several: bool) -> Type | list[Param]:
        """`( … )`: a function type when `->` follows, one type in parentheses, else the list itself."""
        at = self.i
        params = self.type_params()
        if self.kinds[self.i] == "->":
            self.i += 1
            results = self._arrow_results(several)
            return tree.FunctionType(at, self.i, params, results)
        if len(params) == 1 and params[0].name is None and params[0].type is not None:
            return params[0].type
        return params

    def type_params(self) -> list[Param]:
        """`(A, x: B, ...C)` of a function type."""
        opener = self.i
        self.i += 1
        kinds = self.kinds
        params: list[Param] = []
        while kinds[self.i] != ")":
            at = self.i
            if kinds[at] == "...":
                self.i += 1
                if kinds[self.i] == ":":
                    self.i += 1
                inner = self.type() if kinds[self.i] in _STARTS else None
                params.append(Param(at, self.i, "...", inner))
                break
            name = None
            optional = False
            if self._field_ahead():
                name = self.take_name()
                optional = kinds[self.i] == "?"
                self.i += 2 if optional else 1
            inner = self.type()
            if optional:
                inner = tree.OptionalType(inner.at, self.i, inner)
            params.append(Param(at, self.i, name, inner))
            if kinds[self.i] != ",":
                break
            self.i += 1
        self.close(")", "(", opener)
        return params

    def _arrow_results(self, several: bool) -> list[Type]:
        """What follows `->` or `fun(…):`."""
        if self.kinds[self.i] == "(":
            at = self.i
            inner = self._parentheses(several)
            if not isinstance(inner, tree.Node):
                return self._unnamed(inner, at)
            results = [self.type(several, inner, at)]
        else:
            results = [self.type(several)]
        while several and self.kinds[self.i] == ",":
            self.i += 1
            if self._field_ahead() or self.kinds[self.i] not in _STARTS:
                self.i -= 1
                break
            results.append(self.type(several))
        return results

    def _unnamed(self, params: list[Param], at: int) -> list[Type]:
        results: list[Type] = []
        for param in params:
            if param.name == "..." and param.type is not None:
                results.append(param.type)
            elif param.type is None:
                self.fail("type expected in a list of results", at)
            else:
                results.append(param.type)
        return results

    def results(self) -> list[Type]:
        """The result types behind `)` and `:` of a function."""
        if self.kinds[self.i] == "(":
            at = self.i
            inner = self._parentheses(False)
            if not isinstance(inner, tree.Node):
                return self._unnamed(inner, at)
            results = [self.type(False, inner, at)]
        else:
            results = [self.type()]
        while self.kinds[self.i] == ",":
            self.i += 1
            results.append(self.type())
        return results

    def type_parameters(self) -> list[tree.TypeParam]:
        """`<T, U: Constraint>` if present."""
        if self.kinds[self.i] != "<":
            return []
        opener = self.i
        self.i += 1
        found: list[tree.TypeParam] = []
        while True:
            at = self.i
            name = self.take_name()
            constraint = None
            if self.kinds[self.i] == ":":
                self.i += 1
                constraint = self.type()
            found.append(tree.TypeParam(at, self.i, name, constraint))
            if self.kinds[self.i] != ",":
                break
            self.i += 1
        self.close(">", "<", opener)
        return found
