"""Random programs as source text, and the tree of a program without positions."""

from __future__ import annotations

from random import Random

from hypothesis import strategies as st
from msgspec import structs

from wippy.lang import tree

POSITIONS = frozenset(("at", "to", "entry", "op_at", "variable", "backward"))


def plain(node):
    """A tree as nested tuples, without positions: equal for equal programs."""
    if isinstance(node, tree.Node):
        fields = (plain(getattr(node, f.name)) for f in structs.fields(node) if f.name not in POSITIONS)
        return (type(node).__name__, *fields)
    if isinstance(node, list):
        return [plain(item) for item in node]
    return node


class Generator:
    """Writes a random program. `size` bounds the number of nodes."""

    def __init__(self, seed: int, size: int = 60) -> None:
        self.random = Random(seed)
        self.size = size
        self.labels = 0

    def pick(self, words: str) -> str:
        return self.random.choice(words.split())

    def some(self, make, most: int = 3, least: int = 0) -> list[str]:
        return [make() for _ in range(self.random.randint(least, most))]

    def one(self, leaves, branches) -> str:
        self.size -= 1
        return self.random.choice(leaves if self.size < 0 or self.random.random() < 0.3 else branches)()

    def name(self) -> str:
        return self.pick("a b c total User type is readonly _x1 _ENV")

    def label(self) -> str:
        self.labels += 1
        return f"l{self.labels}"

    def field(self) -> str:
        return self.pick("a name type as is fun keyof _ENV")

    def program(self) -> str:
        return "\n".join(self.some(self.statement, 5, 1))

    # Types

    def type(self) -> str:
        t, some = self.type, self.some
        return self.one(
            [lambda: self.pick("any number string User mod.User m.type nil 'lit' 42 -1.5")],
            [
                lambda: f"({t()})[]",
                lambda: f"({t()})?",
                lambda: f"{{{t()}}}",
                lambda: f"{{{t()}, {t()}}}",
                lambda: f"{{[{t()}]: {t()}}}",
                lambda: "{" + ", ".join(some(lambda: f"{self.field()}{self.pick(': ?:')} {t()}")) + "}",
                lambda: "interface {" + "; ".join(some(lambda: f"{self.field()}: {t()}")) + "}",
                lambda: f"(({', '.join(some(t))}) -> ({', '.join(some(t))}))",
                lambda: f"(({', '.join([*some(lambda: f'{self.field()}: {t()}'), '...' + t()])}) -> {t()})",
                lambda: f"(fun({', '.join(some(t))}): {t()})",
                lambda: f"({t()} {self.pick('| &')} {t()})",
                lambda: f"Map<{', '.join(some(t, 2, 1))}>",
                lambda: f"({t()} @min(-1) @max_len(2, 'x') @unique)",
                lambda: f"keyof({t()})",
                lambda: f"typeof({self.expression()})",
                lambda: f"({t()})[{t()}]",
                lambda: f"(readonly {{{t()}}})",
                lambda: f"({t()} extends {t()} ? {t()} : {t()})",
            ],
        )

    def annotation(self) -> str:
        return f": {self.type()}" if self.random.random() < 0.5 else ""

    # Expressions

    def expression(self) -> str:
        e, some = self.expression, self.some
        return self.one(
            [self.name, lambda: self.pick("nil true false 1 0x1F 2.5 1e3 .5 's' \"\\n\\65\\x41\" [[x\\y]]")],
            [
                lambda: f"{e()} {self.pick(OPERATORS)} {e()}",
                lambda: f"{e()} {self.pick(OPERATORS)} {e()}",
                lambda: f"{self.pick('not - # ~')} {e()}",
                lambda: f"({e()})",
                lambda: f"({e()}).{self.field()}",
                lambda: f"({e()})[ {e()} ]",
                lambda: f"{self.name()}({', '.join(some(e))})",
                lambda: f"({e()}):{self.field()}({', '.join(some(e))})",
                lambda: self.name() + self.pick("'s' {1} [[s]]"),
                lambda: "{" + ", ".join(some(self.item)) + "}",
                lambda: f"(({e()}) {self.pick(':: as')} {self.type()})",
                lambda: f"({self.name()}({e()}) as {self.type()})",
                lambda: f"({e()})!",
                lambda: f"function({self.name()}{self.annotation()}, ...){self.annotation()} {self.block()} end",
            ],
        )

    def item(self) -> str:
        e = self.expression
        return self.one([e], [e, lambda: f"{self.field()} = {e()}", lambda: f"[ {e()} ] = {e()}"])

    # Statements

    def block(self) -> str:
        return "\n".join(self.some(self.statement)) + self.random.choice(["", ";", " --x\n"])

    def statement(self) -> str:
        e, block, name, note = self.expression, self.block, self.name, self.annotation
        return self.one(
            [lambda: f"local {name()}{note()} = {e()}", lambda: f"{name()} = {e()}"],
            [
                lambda: f"local {name()}, {name()}{note()}",
                lambda: f"local {name()}{note()} = function() {block()} end",
                lambda: f"{name()}[ {e()} ] = {e()}",
                lambda: f"{name()}[ {e()} ], {name()}, {name()}.type = {e()}, {e()}",
                lambda: f"{name()}({e()})",
                lambda: f";({name()}({e()}))",
                lambda: f"type Alias<T> = {self.type()}",
                lambda: f"interface Shape : Base\nfunction m(a: {self.type()}, ...): {self.type()}, any\nend",
                lambda: f"if {e()} then\n{block()}\nelseif {e()} then\n{block()}\nelse\n{block()}\nend",
                lambda: f"while {e()} do\n{block()}\nbreak end",
                lambda: f"repeat\n{block()}\nuntil {e()}",
                lambda: f"for {name()} = 1, {e()} do\n{block()}\nend",
                lambda: f"for {name()}, {name()} in {e()} do\n{block()}\nend",
                lambda: f"local function {name()}<T>(a{note()}){note()}\n{block()}\nend",
                lambda: f"function {name()}.x:{self.field()}(){note()}\n{block()}\nend",
                lambda: f"do\n{block()}\nreturn {e()}, {e()}\nend",
                lambda: (n := self.label()) and f"do\ngoto {n}\ndo\nlocal y\n{block()}\nend\n::{n}::\nend",
                lambda: (n := self.label()) and f"do\n::{n}::\n{block()}\nif {e()} then goto {n} end\nend",
            ],
        )


OPERATORS = "or and == ~= < > <= >= | ~ & << >> .. + - * / // % ^"
programs = st.integers(0, 2**32).map(lambda seed: Generator(seed).program())


_SOUP = (
    "and break do else elseif end false for function goto if in local nil not or repeat return then true until while "
    "type fun interface as asserts readonly is typeof keyof extends a b _ENV 1 2.5 'x' ( ) { } [ ] [[ ]] < > << >> <= "
    ">= == ~= = + - * / // % ^ # & | ~ .. ... . , ; : :: ? ! @ -> \n -- --[[ \" ' \\ \x00 é ::a:: a( a. a: x=1 f()"
)
soup = st.integers(0, 2**32).map(
    lambda seed: " ".join((random := Random(seed)).choices(_SOUP.split(" "), k=random.randint(0, 40)))
)
