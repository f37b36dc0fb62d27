"""The check of one chunk, and what it shows to chunks that import it."""

from __future__ import annotations

from collections.abc import Mapping

from wippy.errors import SourceError
from wippy.lang import tree
from wippy.lang.check.core import Env
from wippy.lang.check.diagnostic import (
    CIRCULAR,
    DEPTH,
    DUPLICATE,
    ERROR,
    FAILED,
    HINT,
    PARSE,
    UNDEFINED,
    UNRESOLVED_TYPE,
    WARNING,
    Diagnostic,
    meant,
)
from wippy.lang.check.functions import Frame
from wippy.lang.check.prelude import ALWAYS
from wippy.lang.check.resolve import Declaration, Resolver
from wippy.lang.check.statements import Statements
from wippy.lang.check.style import style
from wippy.lang.check.survey import Survey
from wippy.lang.check.types import ANY, Function, Named, Open, Type, TypeValue, force
from wippy.lang.parser import parse
from wippy.lang.tree import Chunk


class Interface:
    """What importers know of a library.

    Attributes:
        value: the type of what its chunk returns.
    """

    def __init__(self, resolver: Resolver, value: Type) -> None:
        self._resolver = resolver
        self.value = value

    def exported(self, name: str, args: list[Type]) -> Named | None:
        """A declared type of the library by its name."""
        found = self._resolver.named(name, args)
        return found if isinstance(found, Named) else None


class Checker(Statements):
    """Checks one chunk.

    Args:
        chunk: the tree.
        modules: the globals that modules and libraries are: name → type of the value.
        libraries: import alias → what is known of the library.
        alone: no other chunk defines globals for this one.
    """

    def __init__(
        self,
        chunk: Chunk,
        modules: Mapping[str, Type] | None = None,
        libraries: Mapping[str, Interface] | None = None,
        alone: bool = False,
    ) -> None:
        survey = Survey(chunk)
        self.libraries = dict(libraries or {})
        self.aliases: dict[str, Interface] = dict(self.libraries)
        super().__init__(chunk, survey, self.aliases)
        self.modules = {**(modules or {}), **{alias: each.value for alias, each in self.libraries.items()}}
        self.global_functions = {}
        self.alone = alone and "_G" not in chunk.globals
        self.frame = Frame(None)
        self.resolver.typeof = lambda node: self.infer(node, {}, True)
        # Types of a block are not in sight yet: what does not resolve is told when its statement is reached.
        self.silent = 1
        self.tables = self._tables()
        self.replaced: dict[int, set[str]] = {}
        for at, name in survey.replaced:
            self.replaced.setdefault(at, set()).add(name)
        self.silent = 0
        self._name_libraries(chunk)

    def unresolved(self, node: tree.TypeName) -> None:
        if not self.silent and node.path[0] not in self.bound:
            severity = WARNING if len(node.path) == 1 else HINT
            self.report(UNRESOLVED_TYPE, node, f"unresolved type {'.'.join(node.path)}; it counts as any", severity)

    def run(self) -> list[Diagnostic]:
        """All findings, in the order of the walk."""
        self.block(self.chunk.body, {})
        self._undefined()
        for token, what in self.survey.duplicates:
            self.report(DUPLICATE, token, f"{what} is given twice", WARNING)
        for declaration in self.chunk.declarations:
            force(self.resolver.named(declaration.name, []) or ANY)
            self._circular(declaration)
        return self.found

    def _undefined(self) -> None:
        """Globals that nothing in sight defines. A library or an importer may still do it."""
        survey = self.survey
        known = {*ALWAYS, *self.modules, *survey.global_writes, *survey.global_functions, *self.resolver.declared}
        for name, token in survey.global_reads.items():
            if name not in known:
                severity = WARNING if self.alone and name not in survey.global_probes else HINT
                near = meant(name, {*known, *(local for local, *_ in survey.declared)})
                self.report(UNDEFINED, token, f"undefined name '{name}'", severity, near)

    def _circular(self, declaration: Declaration) -> None:
        """An alias that leads to itself and not to a part of itself."""
        first = self.resolver.declared[declaration.name]
        if first is not declaration:
            line, _ = self.chunk.tokens.position(self.chunk.tokens.starts[first.at])
            text = f"type '{declaration.name}' is declared again; the declaration in line {line} counts"
            self.report(DUPLICATE, declaration, text, WARNING)
        stack: list[tree.Node] = [declaration.type] if isinstance(declaration, tree.TypeDeclaration) else []
        seen: set[str] = set()
        while stack:
            node = stack.pop()
            if isinstance(node, tree.TypeName) and len(node.path) == 1:
                name = node.path[0]
                if name == declaration.name:
                    self.report(CIRCULAR, node, f"type '{name}' refers to itself and to no part of itself", WARNING)
                    return
                other = self.resolver.declared.get(name)
                if name not in seen and isinstance(other, tree.TypeDeclaration):
                    seen.add(name)
                    stack.append(other.type)
            elif isinstance(node, (tree.UnionType, tree.IntersectionType)):
                stack.extend(node.items)
            elif isinstance(node, (tree.OptionalType, tree.ReadonlyType)):
                stack.append(node.inner)
            elif isinstance(node, tree.ConstrainedType):
                stack.append(node.base)

    def interface(self) -> Interface:
        """What importers know. No body is checked."""
        self.silent += 1
        found = Interface(self.resolver, self._returned())
        self.silent -= 1
        return found

    def required(self, node: tree.Expression) -> Type:
        if isinstance(node, tree.String):
            return self.modules.get(node.text[1:-1], ANY)
        return ANY

    def _name_libraries(self, chunk: Chunk) -> None:
        """`local m = require("alias")`: types may be named by m as well."""
        for node in chunk.body:
            if not isinstance(node, tree.Local):
                continue
            for param, value in zip(node.names, node.values, strict=False):
                if (
                    isinstance(value, tree.Call)
                    and isinstance(value.callee, tree.Name)
                    and value.callee.name == "require"
                    and len(value.args) == 1
                    and isinstance(value.args[0], tree.String)
                ):
                    library = self.libraries.get(value.args[0].text[1:-1])
                    if library is not None and param.name:
                        self.aliases[param.name] = library

    def _tables(self) -> dict[int, dict[str, Type]]:
        """The functions that a table held by a local gets in one place only: `function M.f`, `M.f = function …`."""
        survey = self.survey
        made_with = {token: value.items for _, token, _, value in survey.declared if isinstance(value, tree.Table)}
        found: dict[int, dict[str, Type]] = {}
        for at, name in {**survey.owned, **survey.given}:
            statements, literals = survey.owned.get((at, name), []), survey.given.get((at, name), [])
            if len(statements) + len(literals) != 1 or at in survey.writes:
                continue
            if (at, name) in survey.replaced or (at, "*") in survey.replaced:
                continue
            if any(item.name == name for item in made_with.get(at, [])):
                continue
            node = statements[0].function if statements else literals[0]
            function = self.resolver.signature(node.tparams, node.params, node.results, {})
            function.method = bool(statements) and statements[0].method is not None
            if function.method:
                function.surplus = function.surplus and bool(function.params)
            function.name = name
            found.setdefault(at, {})[name] = function
        return found

    def declare(self, at: int, env: Env, annotation: Type | None, value: Type) -> None:
        known, gone = self.tables.get(at), self.replaced.get(at)
        if (known or gone) and annotation is None and isinstance(value, Open):
            functions = {**value.functions, **(known or {})}
            if gone:
                functions = {} if "*" in gone else {name: functions[name] for name in functions if name not in gone}
            value = Open(functions, value.literal, value.frozen, value.whole and not gone)
        super().declare(at, env, annotation, value)

    def _returned(self) -> Type:
        """The type of what the chunk returns, as far as it can be seen without following its flow."""
        body = self.chunk.body
        if not body or not isinstance(body[-1], tree.Return) or not body[-1].values:
            return ANY
        value = body[-1].values[0]
        if isinstance(value, tree.Name) and value.variable is not None:
            return Open(dict(self.tables.get(value.variable.at, {})), False)
        if not isinstance(value, tree.Table):
            return ANY
        functions: dict[str, Type] = {}
        local = self._local_functions()
        for item in value.items:
            if item.name is None:
                continue
            if isinstance(item.value, tree.Name):
                if item.value.variable is not None:
                    made = local.get(item.value.variable.at)
                    if made is not None:
                        functions[item.name] = made
                else:
                    declared = self.resolver.named(item.value.name, [])
                    if declared is not None:
                        functions[item.name] = TypeValue(declared)
        return Open(functions, False)

    def _local_functions(self) -> dict[int, Function]:
        found: dict[int, Function] = {}
        for node in self.chunk.body:
            if isinstance(node, tree.LocalFunction) and node.at + 2 not in self.survey.writes:
                function = node.function
                made = self.resolver.signature(function.tparams, function.params, function.results, {})
                made.name = node.name
                found[node.at + 2] = made
        return found


def check_source(
    source: bytes | str,
    name: str,
    *,
    modules: Mapping[str, Type] | None = None,
    libraries: Mapping[str, Interface] | None = None,
    rules: bool = False,
    alone: bool = False,
) -> tuple[list[Diagnostic], Chunk | None, Interface | None]:
    """Checks a chunk.

    Args:
        source: the text; `str` is taken as UTF-8.
        name: entry ID or path, for messages.
        modules: name of a module → type of its table, for those that the chunk may use.
        libraries: alias → interface of an imported library.
        rules: also the style rules.
        alone: no other chunk defines globals for this one, so that an undefined name is a warning.

    Returns:
        The findings; the tree and what importers know, None after a syntax error.
    """
    try:
        chunk = parse(source, name)
    except SourceError as error:
        found = Diagnostic(PARSE, ERROR, error.bare, error.line, error.column, True, error.hint or "")
        return [found], None, None
    interface: Interface | None = None
    try:
        checker = Checker(chunk, modules, libraries, alone)
        interface = checker.interface()
        found = checker.run()
    except RecursionError:
        found = [Diagnostic(DEPTH, WARNING, "nested too deeply to be checked; split it into smaller functions")]
    except Exception as error:
        # A fault of the checker must not keep a program from running.
        found = [Diagnostic(FAILED, WARNING, f"the checker failed: {type(error).__name__}: {error}")]
    if rules:
        found = [*found, *style(chunk)]
    return sorted(dict.fromkeys(found), key=lambda each: each.order), chunk, interface
