"""Tokens → tree."""

from __future__ import annotations

from wippy.expression.fault import Fault
from wippy.expression.lexer import BRACKET, END, NAME, NUMBER, OPERATOR, STRING, Token, tokens
from wippy.expression.signatures import PREDICATES, SIGNATURES
from wippy.expression.tree import (
    Binary,
    Call,
    Chain,
    Conditional,
    Environment,
    Let,
    ListNode,
    Literal,
    MapNode,
    Member,
    Name,
    Node,
    Predicate,
    Sequence,
    Slice,
    Slot,
    Unary,
)

MAX_NODES = 10_000
MAX_DEPTH = 60

_UNARY = {"not": 50, "!": 50, "-": 90, "+": 90}
_COMPARISON = frozenset(["==", "!=", "<", ">", "<=", ">="])
_NEGATABLE = frozenset(["in", "matches", "contains", "startsWith", "endsWith"])
_BINARY = {
    "|": 0,
    "or": 10,
    "||": 10,
    "and": 15,
    "&&": 15,
    **dict.fromkeys(_COMPARISON | _NEGATABLE, 20),
    "..": 25,
    "+": 30,
    "-": 30,
    "*": 60,
    "/": 60,
    "%": 60,
    "**": 100,
    "^": 100,
    "??": 500,
}
_SAME = {"or": "||", "and": "&&", "^": "**"}


def parse(source: str) -> tuple[Node, int]:
    """The tree and how many slots it needs. Raises Fault."""
    parser = _Parser(source)
    tree = parser.sequence()
    if parser.current.kind != END:
        parser.unexpected()
    return tree, parser.slots


class _Parser:
    def __init__(self, source: str) -> None:
        self._tokens = tokens(source)
        self._next = 0
        self.current: Token = self._tokens[0]
        self.slots = 0
        self._nodes = 0
        self._depth = 0
        self._lets: dict[str, int] = {}
        self._predicates: list[Predicate] = []

    def unexpected(self) -> None:
        raise Fault(f"unexpected token {_shown(self.current)}", self.current.at)

    def _advance(self) -> Token:
        token = self.current
        if token.kind != END:
            self._next += 1
            self.current = self._tokens[self._next]
        return token

    def _is(self, kind: str, value: str) -> bool:
        return self.current.kind == kind and self.current.value == value

    def _take(self, kind: str, value: str) -> bool:
        if self._is(kind, value):
            self._advance()
            return True
        return False

    def _expect(self, kind: str, value: str) -> None:
        if not self._take(kind, value):
            raise Fault(f"unexpected token {_shown(self.current)}, expected {value!r}", self.current.at)

    def _counted(self, node: Node) -> Node:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise Fault(f"expression has more than {MAX_NODES} parts", node.at)
        return node

    def sequence(self) -> Node:
        items = [self.expression(0)]
        while self._take(OPERATOR, ";"):
            if self.current.kind == END or self._is(BRACKET, ")") or self._is(BRACKET, "}"):
                break
            items.append(self.expression(0))
        return items[0] if len(items) == 1 else Sequence(items[0].at, items)

    def expression(self, precedence: int) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise Fault(f"expression is nested more than {MAX_DEPTH} levels deep", self.current.at)
        if precedence == 0 and self._is(OPERATOR, "let"):
            node = self._let()
        elif precedence == 0 and self._is(OPERATOR, "if"):
            node = self._if()
        else:
            node = self._binary(precedence)
            if precedence == 0:
                node = self._conditional(node)
        self._depth -= 1
        return node

    def _binary(self, precedence: int) -> Node:
        left = self._primary()
        previous = ""
        while self.current.kind == OPERATOR:
            operator = self.current
            negated = operator.value == "not"
            if negated:
                operator = self._tokens[self._next + 1]
                if operator.kind != OPERATOR or operator.value not in _NEGATABLE:
                    self._advance()
                    self.unexpected()
            name = str(operator.value)
            level = _BINARY.get(name)
            if level is None or level < precedence:
                break
            if negated:
                self._advance()
            self._advance()
            if name == "|":
                left = self._pipe(left)
            elif previous == "??" and name != "??":
                raise Fault(
                    f"operator ({name}) and coalesce expressions (??) cannot be mixed; wrap either by parentheses",
                    operator.at,
                )
            elif name in _COMPARISON:
                left = self._comparison(left, operator, level)
            else:
                right = self.expression(level if name in ("**", "^") else level + 1)
                left = self._counted(Binary(operator.at, _SAME.get(name, name), left, right))
                if negated:
                    left = Unary(operator.at, "not", left)
            previous = name
        return left

    def _comparison(self, left: Node, operator: Token, level: int) -> Node:
        """`a < b < c` means `a < b && b < c`."""
        whole: Node | None = None
        while True:
            right = self.expression(level + 1)
            part = self._counted(Binary(operator.at, str(operator.value), left, right))
            whole = part if whole is None else self._counted(Binary(operator.at, "&&", whole, part))
            if self.current.kind != OPERATOR or self.current.value not in _COMPARISON:
                return whole
            left, operator = right, self._advance()

    def _conditional(self, node: Node) -> Node:
        while self.current.kind == OPERATOR and self.current.value in ("?", "?:"):
            token = self._advance()
            if token.value == "?:":
                slot = self._slot()
                kept = Slot(node.at, slot)
                node = Let(token.at, slot, "", node, Conditional(token.at, kept, kept, self.expression(0)))
            else:
                yes = self.expression(0)
                self._expect(OPERATOR, ":")
                node = Conditional(token.at, node, yes, self.expression(0))
            self._counted(node)
        return node

    def _let(self) -> Node:
        at = self._advance().at
        token = self.current
        if token.kind != NAME:
            self.unexpected()
        name = str(self._advance().value)
        if name in SIGNATURES:
            raise Fault(f"cannot redeclare builtin {name}", token.at)
        if name in self._lets:
            raise Fault(f"cannot redeclare variable {name}", token.at)
        self._expect(OPERATOR, "=")
        value = self.expression(0)
        self._expect(OPERATOR, ";")
        slot = self._lets[name] = self._slot()
        body = self.sequence()
        del self._lets[name]
        return self._counted(Let(at, slot, name, value, body))

    def _if(self) -> Node:
        at = self._advance().at
        condition = self.expression(0)
        yes = self._block()
        self._expect(OPERATOR, "else")
        no = self._if() if self._is(OPERATOR, "if") else self._block()
        return self._counted(Conditional(at, condition, yes, no))

    def _block(self) -> Node:
        self._expect(BRACKET, "{")
        node = self.sequence()
        self._expect(BRACKET, "}")
        return node

    def _slot(self) -> int:
        self.slots += 1
        return self.slots - 1

    def _primary(self) -> Node:
        token = self.current
        if token.kind == OPERATOR and token.value in _UNARY:
            self._advance()
            value = self.expression(_UNARY[str(token.value)])
            operator = "not" if token.value == "!" else str(token.value)
            return self._postfix(self._counted(Unary(token.at, operator, value)))
        if self._take(BRACKET, "("):
            node = self.sequence()
            self._expect(BRACKET, ")")
            return self._postfix(node)
        if self._predicates and token.kind == OPERATOR:
            predicate = self._predicates[-1]
            if token.value == "#":
                self._advance()
                slot = predicate.item
                if self.current.kind == NAME and self.current.at == token.at + 1:
                    named = {"index": predicate.index, "acc": predicate.accumulator}.get(str(self.current.value))
                    if named is None:
                        raise Fault(f"unknown pointer #{self.current.value}", token.at)
                    slot = named
                    self._advance()
                return self._postfix(self._counted(Slot(token.at, slot)))
            if token.value == ".":
                return self._postfix(Slot(token.at, predicate.item))
        if token.kind == OPERATOR and token.value == "::":
            self._advance()
            name = self._advance()
            if name.kind != NAME or not self._is(BRACKET, "("):
                self.unexpected()
            return self._postfix(self._call(name, []))
        return self._postfix(self._secondary())

    def _secondary(self) -> Node:
        token = self.current
        if token.kind in (NUMBER, STRING):
            self._advance()
            return self._counted(Literal(token.at, token.value))
        if token.kind == NAME:
            self._advance()
            if token.value in ("true", "false", "nil"):
                return self._counted(Literal(token.at, {"true": True, "false": False, "nil": None}[str(token.value)]))
            if token.value == "$env":
                return self._counted(Environment(token.at))
            if self._is(BRACKET, "("):
                return self._call(token, [])
            name = str(token.value)
            return self._counted(Name(token.at, name, self._lets.get(name)))
        if self._is(BRACKET, "["):
            return self._list()
        if self._is(BRACKET, "{"):
            return self._map()
        self.unexpected()
        raise AssertionError

    def _list(self) -> Node:
        at = self._advance().at
        items: list[Node] = []
        while not self._take(BRACKET, "]"):
            if items:
                self._expect(OPERATOR, ",")
                if self._take(BRACKET, "]"):
                    break
            items.append(self.expression(0))
        return self._counted(ListNode(at, items))

    def _map(self) -> Node:
        at = self._advance().at
        pairs: list[tuple[Node, Node]] = []
        while not self._take(BRACKET, "}"):
            if pairs:
                self._expect(OPERATOR, ",")
                if self._take(BRACKET, "}"):
                    break
            token = self.current
            if self._take(BRACKET, "("):
                key = self.expression(0)
                self._expect(BRACKET, ")")
            elif token.kind in (NAME, STRING, NUMBER) or (token.kind == OPERATOR and str(token.value).isalpha()):
                self._advance()
                key = Literal(token.at, str(token.value))
            else:
                raise Fault(
                    f"a map key must be a quoted string, a number, an identifier, or an expression enclosed in "
                    f"parentheses (unexpected token {_shown(token)})",
                    token.at,
                )
            self._expect(OPERATOR, ":")
            pairs.append((key, self.expression(0)))
        return self._counted(MapNode(at, pairs))

    def _pipe(self, left: Node) -> Node:
        token = self.current
        if token.kind != NAME:
            self.unexpected()
        self._advance()
        if not self._is(BRACKET, "("):
            self.unexpected()
        return self._postfix(self._call(token, [left]))

    def _call(self, token: Token, given: list[Node]) -> Node:
        """A call; the current token is its opening bracket."""
        name = str(token.value)
        signature = SIGNATURES.get(name)
        if signature is None:
            raise Fault(f"unknown name {name}: there is no such function", token.at)
        at_predicate = PREDICATES.get(name)
        self._advance()
        arguments = list(given)
        first = True
        while not self._take(BRACKET, ")"):
            if not first:
                self._expect(OPERATOR, ",")
                if self._take(BRACKET, ")"):
                    break
            first = False
            arguments.append(self._predicate() if len(arguments) == at_predicate else self.expression(0))
        least, most = signature
        if len(arguments) < least:
            raise Fault(f"not enough arguments to call {name}: {len(arguments)} given, {least} needed", token.at)
        if most is not None and len(arguments) > most:
            raise Fault(f"too many arguments to call {name}: {len(arguments)} given, at most {most} taken", token.at)
        return self._counted(Call(token.at, name, arguments))

    def _predicate(self) -> Node:
        predicate = Predicate(self.current.at, self._slot(), self._slot(), self._slot(), Literal(self.current.at, None))
        self._predicates.append(predicate)
        if self._take(BRACKET, "{"):
            predicate.body = self.sequence()
            self._expect(BRACKET, "}")
        else:
            predicate.body = self.expression(0)
        self._predicates.pop()
        return predicate

    def _postfix(self, node: Node) -> Node:
        optional_seen = False
        while True:
            token = self.current
            if token.kind == OPERATOR and token.value in (".", "?."):
                self._advance()
                optional = token.value == "?."
                if optional and self._take(BRACKET, "["):
                    key = self.expression(0)
                    self._expect(BRACKET, "]")
                else:
                    name = self.current
                    if name.kind != NAME and not (name.kind == OPERATOR and str(name.value).isalpha()):
                        raise Fault("expected name", name.at)
                    self._advance()
                    if self._is(BRACKET, "("):
                        raise Fault(f"{name.value} cannot be called: values have no methods", name.at)
                    key = Literal(name.at, str(name.value))
                optional_seen = optional_seen or optional
                node = self._counted(Member(token.at, node, key, optional))
            elif token.kind == BRACKET and token.value == "[":
                node = self._index(node)
            else:
                return Chain(node.at, node) if optional_seen else node

    def _index(self, node: Node) -> Node:
        at = self._advance().at
        first = None if self._is(OPERATOR, ":") else self.expression(0)
        if self._take(OPERATOR, ":"):
            last = None if self._is(BRACKET, "]") else self.expression(0)
            self._expect(BRACKET, "]")
            return self._counted(Slice(at, node, first, last))
        self._expect(BRACKET, "]")
        assert first is not None
        return self._counted(Member(at, node, first, False))


def _shown(token: Token) -> str:
    if token.kind == END:
        return "EOF"
    return f"{token.kind}({token.value!r})"
