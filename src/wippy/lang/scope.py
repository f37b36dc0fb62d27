"""Variables, labels and gotos of a chunk while it is parsed."""

from __future__ import annotations

from typing import NoReturn, Protocol

from wippy.lang.tree import Goto, Label, Node, TypeDeclaration, Variable

MAX_LOCALS = 200
_VOID = (Label, TypeDeclaration)


class Reporter(Protocol):
    def fail(self, message: str, token: int | None = None, hint: str | None = None) -> NoReturn: ...

    @property
    def line_of(self) -> LineOf: ...


class LineOf(Protocol):
    def __call__(self, token: int, /) -> int: ...


class Block:
    """One block: `undo` restores the variables that it hides, `level` counts the locals active at its start."""

    __slots__ = ("gotos", "is_repeat", "labels", "level", "parent", "undo")

    def __init__(self, parent: Block | None, level: int) -> None:
        self.parent = parent
        self.level = level
        self.undo: list[tuple[str, Variable | None]] = []
        self.labels: dict[str, tuple[Label, int]] | None = None
        self.gotos: list[tuple[Goto, int]] | None = None
        self.is_repeat = False


class FunctionState:
    __slots__ = ("active", "block", "loops", "parent", "vararg")

    def __init__(self, parent: FunctionState | None, vararg: bool) -> None:
        self.parent = parent
        self.vararg = vararg
        self.active: list[str] = []
        self.block = Block(None, 0)
        self.loops = 0


class Scope:
    """Name → variable for the place being parsed.

    Attributes:
        names: the visible local variables, of enclosing functions too.
        function: the function being parsed.
    """

    def __init__(self, reporter: Reporter) -> None:
        self.reporter = reporter
        self.names: dict[str, Variable | None] = {}
        self.function = FunctionState(None, True)

    def open_function(self, vararg: bool) -> None:
        self.function = FunctionState(self.function, vararg)

    def close_function(self, body: list[Node]) -> None:
        self.close_block(body)
        parent = self.function.parent
        assert parent is not None
        self.function = parent

    def open_block(self) -> None:
        function = self.function
        function.block = Block(function.block, len(function.active))

    def close_block(self, body: list[Node]) -> None:
        function = self.function
        block = function.block
        if block.gotos is not None:
            self._resolve(block, body)
        if block.undo:
            names = self.names
            for name, variable in reversed(block.undo):
                names[name] = variable
        del function.active[block.level :]
        if block.parent is not None:
            function.block = block.parent

    def declare(self, variable: Variable) -> None:
        function = self.function
        name = variable.name
        if len(function.active) >= MAX_LOCALS:
            self._too_many(variable.at)
        function.active.append(name)
        function.block.undo.append((name, self.names.get(name)))
        self.names[name] = variable

    def reserve(self, count: int, at: int) -> None:
        """Room for the hidden variables of a loop."""
        active = self.function.active
        if len(active) + count > MAX_LOCALS:
            self._too_many(at)
        active.extend(["(for state)"] * count)

    def _too_many(self, at: int) -> NoReturn:
        self.reporter.fail(
            f"too many local variables (limit is {MAX_LOCALS} in one function)",
            at,
            "put some of them into a table or into do … end",
        )

    def label(self, label: Label) -> None:
        block: Block | None = self.function.block
        while block is not None:
            if block.labels is not None and label.name in block.labels:
                line = self.reporter.line_of(block.labels[label.name][0].at)
                self.reporter.fail(f"label '{label.name}' already defined on line {line}", label.at)
            block = block.parent
        block = self.function.block
        if block.labels is None:
            block.labels = {}
        block.labels[label.name] = (label, len(self.function.active))

    def goto(self, goto: Goto) -> None:
        block: Block | None = self.function.block
        while block is not None:
            if block.labels is not None and goto.name in block.labels:
                block.labels[goto.name][0].backward = True
                return
            block = block.parent
        block = self.function.block
        if block.gotos is None:
            block.gotos = []
        block.gotos.append((goto, len(self.function.active)))

    def _resolve(self, block: Block, body: list[Node]) -> None:
        """Forward gotos of a block that ends: to its own labels, else up to the enclosing block."""
        labels = block.labels or {}
        gotos = block.gotos or []
        final: set[int] = set()
        if not block.is_repeat:
            for statement in reversed(body):
                if not isinstance(statement, _VOID) and type(statement).__name__ != "InterfaceDeclaration":
                    break
                final.add(id(statement))
        for goto, level in gotos:
            found = labels.get(goto.name)
            if found is not None:
                label, label_level = found
                if label_level > level and id(label) not in final:
                    line = self.reporter.line_of(goto.at)
                    local = self.function.active[level]
                    self.reporter.fail(
                        f"<goto {goto.name}> at line {line} jumps into the scope of local '{local}'",
                        goto.at,
                        "declare the local in front of the goto, or enclose it in do … end",
                    )
            elif block.parent is None:
                line = self.reporter.line_of(goto.at)
                self.reporter.fail(f"no visible label '{goto.name}' for <goto> at line {line}", goto.at)
            else:
                if block.parent.gotos is None:
                    block.parent.gotos = []
                block.parent.gotos.append((goto, min(level, block.level)))
