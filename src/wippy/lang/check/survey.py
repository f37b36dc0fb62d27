"""One walk over a chunk that collects what checker and rules need to know before they begin.

Variables are known by the index of the token that declares them (`Variable.at`), which is unique in a chunk.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

from wippy.lang import tree
from wippy.lang.tree import Chunk, Node


class Survey:
    """Facts about a chunk.

    Attributes:
        reads: variables whose value is read somewhere.
        writes: variable → the tokens at which it is assigned after its declaration, ascending.
        fields_written: field name → tokens of assignments to a field of that name.
        functions: function nodes, outer before inner.
        owned: (variable of a table, field) → function statements that define that field.
        given: the same → function literals that are assigned to that field.
        replaced: (variable, field) that is assigned in another way.
        methods: names of methods and fields defined by function statements.
        global_writes, global_reads: globals that are assigned and read: name → first token.
        global_probes: globals that are tested for being there.
        global_functions: name → `function name()` statements of globals.
        compares, blocks: comparisons, and statements with blocks.
        type_roots: the m of types written m.T.
        declared: every declaration of a variable: (name, token, form, initial value).
        duplicates: names given twice in one list of fields or parameters: (token, what).
    """

    def __init__(self, chunk: Chunk) -> None:
        self.reads: set[int] = set()
        self.writes: dict[int, list[int]] = {}
        self.fields_written: dict[str, list[int]] = {}
        self.functions: list[tree.Function] = []
        self.owned: dict[tuple[int, str], list[tree.FunctionStatement]] = {}
        self.given: dict[tuple[int, str], list[tree.Function]] = {}
        self.replaced: set[tuple[int, str]] = set()
        self.methods: set[str] = set()
        self.global_writes: dict[str, int] = {}
        self.global_functions: dict[str, list[tree.FunctionStatement]] = {}
        self.global_reads: dict[str, int] = {}
        self.global_probes: set[str] = set()
        self.compares: list[tree.Binary] = []
        self.blocks: list[tuple[Node, list[Node], str]] = []
        self.declared: list[tuple[str, int, str, Node | None]] = []
        self.type_roots: set[str] = set()
        self.duplicates: list[tuple[int, str]] = []
        self._walk(chunk.body)
        for places in self.writes.values():
            places.sort()
        self.all_writes = sorted((at, variable) for variable, places in self.writes.items() for at in places)
        self.field_writes = sorted((at, name) for name, places in self.fields_written.items() for at in places)

    def written_in(self, start: int, end: int) -> set[int]:
        """Variables assigned between two tokens."""
        found = set()
        for at, variable in self.all_writes[bisect_left(self.all_writes, (start, -1)) :]:
            if at >= end:
                break
            found.add(variable)
        return found

    def fields_written_in(self, start: int, end: int) -> set[str]:
        """Names of fields assigned between two tokens."""
        found = set()
        for at, name in self.field_writes[bisect_left(self.field_writes, (start, "")) :]:
            if at >= end:
                break
            found.add(name)
        return found

    def captured_writes(self) -> set[int]:
        """Variables that a function assigns which does not declare them."""
        found = set()
        for function in self.functions:
            for variable in self.written_in(function.at, function.to):
                if not function.at <= variable < function.to:
                    found.add(variable)
        return found

    def _walk(self, body: list[Node]) -> None:
        stack: list[Any] = [body]
        push = stack.append
        visits = _VISITS
        while stack:
            item = stack.pop()
            if type(item) is list:
                stack.extend(reversed(item))
                continue
            visit = visits.get(type(item))
            if visit is not None:
                visit(self, item, push)

    # Expressions

    def _name(self, node: tree.Name, push: Any) -> None:
        if node.variable is not None:
            self.reads.add(node.variable.at)
        else:
            self.global_reads.setdefault(node.name, node.at)

    def _object(self, node: tree.Field, push: Any) -> None:
        push(node.object)

    def _index(self, node: tree.Index, push: Any) -> None:
        push(node.key)
        push(node.object)

    def _call(self, node: tree.Call, push: Any) -> None:
        if len(node.args) == 1 and type(node.callee) is tree.Name and node.callee.name == "type":
            self._probe(node.args[0])
        push(node.args)
        push(node.callee)

    def _method_call(self, node: tree.MethodCall, push: Any) -> None:
        push(node.args)
        push(node.object)

    def _paren(self, node: tree.Paren, push: Any) -> None:
        push(node.inner)

    def _probe(self, node: Node | None) -> None:
        while type(node) is tree.Paren:
            node = node.inner
        if type(node) is tree.Name and node.variable is None:
            self.global_probes.add(node.name)

    def _unary(self, node: tree.Unary, push: Any) -> None:
        if node.op == "not":
            self._probe(node.operand)
        push(node.operand)

    def _binary(self, node: tree.Binary, push: Any) -> None:
        if node.op in _PROBES:
            self._probe(node.left)
        if node.op in _COMPARISONS:
            self.compares.append(node)
        push(node.right)
        push(node.left)

    def _concat(self, node: tree.Concat, push: Any) -> None:
        push(node.operands)

    def _table(self, node: tree.Table, push: Any) -> None:
        self._twice([(item.name, item.at) for item in node.items if item.name is not None], "field")
        for item in reversed(node.items):
            push(item.value)
            if item.key is not None:
                push(item.key)

    def _twice(self, names: list[tuple[str, int]], what: str) -> None:
        if len({name for name, _ in names}) == len(names):
            return
        seen: set[str] = set()
        for name, token in names:
            if name in seen:
                self.duplicates.append((token, f"{what} '{name}'"))
            seen.add(name)

    def _record_type(self, node: tree.RecordType, push: Any) -> None:
        self._twice([(field.name, field.at) for field in node.fields], "field")
        push(node.fields)

    def _cast(self, node: tree.Cast, push: Any) -> None:
        push(node.value)
        if node.type is not None:
            push(node.type)

    def _type_name(self, node: tree.TypeName, push: Any) -> None:
        if len(node.path) > 1:
            self.type_roots.add(node.path[0])
        push(node.args)

    def _type_parts(self, node: Any, push: Any) -> None:
        for name in node.__struct_fields__[2:]:
            part = getattr(node, name)
            if isinstance(part, (Node, list)):
                push(part)

    def _typeof(self, node: tree.TypeOf, push: Any) -> None:
        push(node.value)

    def _function(self, node: tree.Function, push: Any) -> None:
        self.functions.append(node)
        push(node.body)
        for each in node.tparams:
            push(each)
        push(node.results or [])
        named = [(param.name, param.at) for param in node.params if param.name and not param.name.startswith("_")]
        self._twice(named, "parameter")
        for param in node.params:
            if param.name != "...":
                self.declared.append((param.name or "", param.at, "param", None))
            if param.type is not None:
                push(param.type)

    # Statements

    def _local(self, node: tree.Local, push: Any) -> None:
        for index, param in enumerate(node.names):
            value = node.values[index] if index < len(node.values) else None
            self.declared.append((param.name or "", param.at, "local", value))
            if param.type is not None:
                push(param.type)
        push(node.values)

    def _assign(self, node: tree.Assign, push: Any) -> None:
        push(node.values)
        for target in node.targets:
            if type(target) is tree.Name:
                if target.variable is not None:
                    self.writes.setdefault(target.variable.at, []).append(node.at)
                else:
                    self.global_writes.setdefault(target.name, target.at)
                continue
            name = field_name(target)
            if name is not None:
                self.fields_written.setdefault(name, []).append(node.at)
            owner = target.object  # type: ignore[attr-defined]
            if type(owner) is tree.Name and owner.variable is not None:
                at, value = owner.variable.at, node.values[0]
                if name is not None and type(value) is tree.Function and len(node.targets) == 1:
                    self.given.setdefault((at, name), []).append(value)
                else:
                    self.replaced.add((at, name if name is not None else "*"))
            push(target)

    def _call_statement(self, node: tree.CallStatement, push: Any) -> None:
        push(node.call)

    def _do(self, node: tree.Do, push: Any) -> None:
        push(node.body)

    def _while(self, node: tree.While, push: Any) -> None:
        self.blocks.append((node, node.body, "while"))
        push(node.body)
        push(node.condition)

    def _repeat(self, node: tree.Repeat, push: Any) -> None:
        self.blocks.append((node, node.body, "repeat"))
        push(node.condition)
        push(node.body)

    def _if(self, node: tree.If, push: Any) -> None:
        for clause in reversed(node.clauses):
            self.blocks.append((clause, clause.body, "if"))
            push(clause.body)
            self._probe(clause.condition)
            if clause.condition is not None:
                push(clause.condition)

    def _numeric_for(self, node: tree.NumericFor, push: Any) -> None:
        self.blocks.append((node, node.body, "for"))
        self.declared.append((node.name, node.at + 1, "for", None))
        push(node.body)
        push(node.bounds)

    def _generic_for(self, node: tree.GenericFor, push: Any) -> None:
        self.blocks.append((node, node.body, "for"))
        for index, name in enumerate(node.names):
            self.declared.append((name, node.at + 1 + 2 * index, "for", None))
        push(node.body)
        push(node.values)

    def _function_statement(self, node: tree.FunctionStatement, push: Any) -> None:
        target = node.target
        name = node.method
        if name is None:
            if type(target) is tree.Name:
                if target.variable is not None:
                    self.writes.setdefault(target.variable.at, []).append(node.at)
                else:
                    self.global_functions.setdefault(target.name, []).append(node)
                push(node.function)
                return
            assert type(target) is tree.Field
            name, target = target.name, target.object
        self.methods.add(name)
        self.fields_written.setdefault(name, []).append(node.at)
        if type(target) is tree.Name and target.variable is not None:
            self.owned.setdefault((target.variable.at, name), []).append(node)
        push(target)
        push(node.function)

    def _local_function(self, node: tree.LocalFunction, push: Any) -> None:
        self.declared.append((node.name, node.at + 2, "local", node.function))
        push(node.function)

    def _return(self, node: tree.Return, push: Any) -> None:
        push(node.values)


_PROBES = frozenset(("and", "or", "==", "~="))
_COMPARISONS = frozenset(("==", "~=", "<", "<=", ">", ">="))


def field_name(node: Node) -> str | None:
    """The name of the field that an expression reads or writes, None where it is computed."""
    if type(node) is tree.Field:
        return node.name
    if type(node) is tree.Index and type(node.key) is tree.String:
        text = node.key.text
        return text[1:-1] if text[0] in "\"'" and "\\" not in text else None
    return None


_VISITS: dict[type, Any] = {
    tree.Name: Survey._name,
    tree.Field: Survey._object,
    tree.Index: Survey._index,
    tree.Call: Survey._call,
    tree.MethodCall: Survey._method_call,
    tree.Paren: Survey._paren,
    tree.Unary: Survey._unary,
    tree.Binary: Survey._binary,
    tree.Concat: Survey._concat,
    tree.Table: Survey._table,
    tree.Cast: Survey._cast,
    tree.TypeOf: Survey._typeof,
    tree.Function: Survey._function,
    tree.Local: Survey._local,
    tree.Assign: Survey._assign,
    tree.CallStatement: Survey._call_statement,
    tree.Do: Survey._do,
    tree.While: Survey._while,
    tree.Repeat: Survey._repeat,
    tree.If: Survey._if,
    tree.NumericFor: Survey._numeric_for,
    tree.GenericFor: Survey._generic_for,
    tree.FunctionStatement: Survey._function_statement,
    tree.LocalFunction: Survey._local_function,
    tree.Return: Survey._return,
    **dict.fromkeys(
        (
            tree.TypeParam,
            tree.Param,
            tree.ArrayType,
            tree.MapType,
            tree.TupleType,
            tree.RecordField,
            tree.FunctionType,
            tree.OptionalType,
            tree.UnionType,
            tree.IntersectionType,
            tree.ReadonlyType,
            tree.KeyOf,
            tree.IndexedType,
            tree.ConditionalType,
            tree.ConstrainedType,
            tree.TypeDeclaration,
            tree.InterfaceDeclaration,
            tree.Method,
        ),
        Survey._type_parts,
    ),
    tree.RecordType: Survey._record_type,
    tree.TypeName: Survey._type_name,
}
