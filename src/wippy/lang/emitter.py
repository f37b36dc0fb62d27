"""Tree → Lua 5.4, by editing the source: types vanish, line ends stay, insertions have none.

The result is a factory. Called as `factory(env, rt)` it gives the main function of the chunk:

    local _ENV,W_w=...;local W_c,W_p=W_w.limit,W_w.preempt;local User=W_w.type("User",_ENV);return function(...) … end

`rt` has these fields; a chunk fetches only those it uses:

| field | emitted for | contract |
|---|---|---|
| `limit` | always | integer, first value of the preemption counter |
| `preempt()` | always | called when the counter falls below 0; gives its new value |
| `str(x)` | operand of `..` | floats → their text; all else unchanged: `..` asks metamethods and raises itself |
| `mtype(x)` | operand of `..` | `math.type` |
| `set(t, k, v)` | `t[k] = v` | assigns unless k is nil or NaN; honours `__newindex`; further arguments are ignored |
| `key(k)`, `fresh(t)` | `{[k] = v}` | `key`: k, or a private value for nil and NaN; `fresh`: t without that value |
| `mod(a, b)` | `a % b` | integer division by zero gives NaN |
| `idiv(a, b)` | `a // b` | truncates both operands first |
| `shr(a, b)`, `shl(a, b)` | `>>`, `<<` | arithmetic shift; negative amounts shift the other way |
| `type(name, env)` | chunk-level types, `typeof(…)` | the type that the chunk declares, or the global of that name |
"""

from __future__ import annotations

import re
from typing import NoReturn

from wippy.errors import SourceError
from wippy.lang import tree
from wippy.lang.facts import known_kind, never_nil, nonzero, small_shift
from wippy.lang.tree import Chunk, Expression

# Order of edits at one offset: what closes, `;`, what opens, what is replaced.
_CLOSE, _SEPARATE, _OPEN, _REPLACE = range(4)
_BAD_ESCAPE = re.compile(r"\\(?:([0-9abfnrtv\\\"'\n])|(.))", re.DOTALL)
_HELPERS = {"%": "mod", "//": "idiv", ">>": "shr", "<<": "shl"}
_MULTIPLE = (tree.Call, tree.MethodCall)
_CHAIN, _GROUP = 60, 30
_MAX_TYPES = 150


def emit(chunk: Chunk) -> bytes:
    """The Lua 5.4 text of a chunk, line for line."""
    return Emitter(chunk).text().encode("latin-1")


class Emitter:
    def __init__(self, chunk: Chunk) -> None:
        self.chunk = chunk
        tokens = chunk.tokens
        self.source = tokens.source
        self.starts = tokens.starts
        self.ends = tokens.ends
        self.kinds = tokens.kinds
        self.edits: list[tuple[int, int, int, int, str]] = []
        self.helpers: dict[str, str] = {}
        self.field_names: set[int] = set()
        self.prefix = self._free_prefix()
        c, p = self.prefix + "c", self.prefix + "p"
        n = self.prefix + "n"
        # through a local: one read of the upvalue less
        self.safepoint = f" do local {n}={c}-1 {c}={n} if {n}<0 then {c}={p}() end end "

    def _free_prefix(self) -> str:
        number = 0
        prefix = "W_"
        while prefix in self.source:
            number += 1
            prefix = f"W{number}_"
        return prefix

    def helper(self, name: str) -> str:
        self.helpers[name] = self.prefix + name
        return self.prefix + name

    # Edits

    def replace(self, start: int, end: int, text: str) -> None:
        self.edits.append((start, _REPLACE, 0, end, text + "\n" * self.source.count("\n", start, end)))

    def close(self, offset: int, text: str) -> None:
        self.edits.append((offset, _CLOSE, len(self.edits), offset, text))

    def open(self, offset: int, text: str) -> None:
        if offset and (self.source[offset - 1].isalnum() or self.source[offset - 1] == "_"):
            text = " " + text
        self.edits.append((offset, _OPEN, -len(self.edits), offset, text))

    def wrap(self, node: Expression, before: str, after: str) -> None:
        self.open(self.starts[node.at], before)
        self.close(self.ends[node.to - 1], after)
        self.separate(node.to)

    def separate(self, to: int) -> None:
        """Where a `(` begins the next statement, keeps Lua from reading a call of what stands before it."""
        if self.kinds[to] == "(":
            end = self.ends[to - 1]
            self.edits.append((end, _SEPARATE, 0, end, ";"))

    def erase(self, at: int, to: int) -> None:
        """Tokens at … to-1 become a space."""
        self.replace(self.starts[at], self.ends[to - 1], " ")

    # Result

    def text(self) -> str:
        rules = _RULES
        for mark in self.chunk.marks:
            rules[type(mark)](self, mark)
        if "\\" in self.source:
            self._escapes()
        if "_ENV" in self.source:
            self._environment()
        self.edits.sort()
        pieces: list[str] = []
        position = 0
        source = self.source
        for start, _, _, end, text in self.edits:
            if start < position:
                continue
            pieces.append(source[position:start])
            pieces.append(text)
            position = end
        pieces.append(source[position:])
        return self._head() + "".join(pieces) + "\nend"

    def _head(self) -> str:
        prefix = self.prefix
        fields = {"limit": prefix + "c", "preempt": prefix + "p", **self.helpers}
        head = f"local _ENV,{prefix}w=...;"
        head += f"local {','.join(fields.values())}={','.join(f'{prefix}w.{name}' for name in fields)};"
        declared = {declaration.name: None for declaration in self.chunk.declarations}
        names = [name for name in declared if name in self.chunk.globals]
        if len(names) > _MAX_TYPES:
            self._too_many_types(names[_MAX_TYPES])
        if names:
            values = ",".join(f'{prefix}w.type("{name}",_ENV)' for name in names)
            head += f"local {','.join(self._renamed(name) for name in names)}={values};"
        return head + "return function(...)" + self.safepoint

    def _too_many_types(self, name: str) -> NoReturn:
        tokens = self.chunk.tokens
        at = next(declaration.at for declaration in self.chunk.declarations if declaration.name == name)
        line, column = tokens.position(tokens.starts[at])
        raise SourceError(
            f"too many declared types used as values (limit is {_MAX_TYPES} in one chunk)",
            file=self.chunk.name,
            line=line,
            column=column,
            text=tokens.line_text(line),
            hint="move some of them to a library",
        )

    def _escapes(self) -> None:
        """Escapes that the language does not have stand for their letter."""
        texts = self.chunk.tokens.texts
        for index, text in enumerate(texts):
            if "\\" in text and text[0] in "\"'":
                new = _BAD_ESCAPE.sub(lambda match: match[0] if match[1] else match[2], text)
                if new != text:
                    self.edits.append((self.starts[index], _REPLACE, 0, self.ends[index], new))

    def _renamed(self, name: str) -> str:
        return self.prefix + "E" if name == "_ENV" else name

    def _environment(self) -> None:
        """`_ENV` is a name like any other, except where Lua 5.4 reads it."""
        tokens = self.chunk.tokens
        kinds = tokens.kinds
        for index, text in enumerate(tokens.texts):
            if text == "_ENV" and index not in self.field_names and kinds[index - 1] not in (".", ":", "goto"):
                self.edits.append((tokens.starts[index], _REPLACE, 0, tokens.ends[index], self._renamed(text)))

    # Rules

    def _concat(self, node: tree.Concat) -> None:
        operands = node.operands
        for operand in operands:
            if known_kind(operand) is not None:
                continue
            if isinstance(operand, tree.Name) and operand.variable is not None:
                name = self._renamed(operand.name)
                test = f'({self.helper("mtype")}({name})=="float" and {self.helper("str")}('
                self.wrap(operand, test, f")or {name})")
            else:
                self.wrap(operand, self.helper("str") + "(", ")")
        if len(operands) > _CHAIN:
            self._regroup(operands)

    def _regroup(self, operands: list[Expression]) -> None:
        """Lua 5.4 nests a chain operand by operand: put groups of a long one into parentheses."""
        groups = [(node.at, node.to) for node in operands]
        while len(groups) > _GROUP:
            parts = [groups[i : i + _GROUP] for i in range(0, len(groups), _GROUP)]
            groups = [(part[0][0], part[-1][1]) for part in parts]
            for at, to in groups:
                self.open(self.starts[at], "(")
                self.close(self.ends[to - 1], ")")

    def _binary(self, node: tree.Binary) -> None:
        op = node.op
        if (op == "%" and nonzero(node.right)) or (op == "<<" and small_shift(node.right)):
            return
        # in parentheses, so that `return a // b` is no tail call: errors need the user's line
        self.wrap(node, "(" + self.helper(_HELPERS[op]) + "(", "))")
        end = self.ends[node.op_at + (1 if op == ">>" else 0)]
        self.replace(self.starts[node.op_at], end, ",")

    def _cast(self, node: tree.Cast) -> None:
        if node.form == "typeof":
            name = next(each.name for each in self.chunk.type_values if each.at == node.at)
            self.replace(self.starts[node.at], self.ends[node.to - 1], f'{self.helper("type")}("{name}",_ENV)')
            return
        value = node.value
        if isinstance(value, _MULTIPLE) or (isinstance(value, tree.Constant) and value.text == "..."):
            self.wrap(value, "(", ")")
        self.erase(node.op_at, node.to)
        self.separate(node.to)

    def _table(self, node: tree.Table) -> None:
        self.field_names.update(item.at for item in node.items if item.name == "_ENV")
        guarded = [item.key for item in node.items if item.key is not None and not never_nil(item.key)]
        if guarded:
            for key in guarded:
                self.wrap(key, self.helper("key") + "(", ")")
            self.wrap(node, self.helper("fresh") + "(", ")")

    def _function(self, node: tree.Function) -> None:
        if node.tparams:
            self.erase(node.tparams[0].at - 1, node.tparams[-1].to + 1)
        self._annotations(node.params)
        colon = self._closing(node)
        if node.results is not None:
            self.erase(colon, node.entry + 1)
        self.open(self.ends[node.entry], self.safepoint)

    def _closing(self, node: tree.Function) -> int:
        """The token behind the `)` of a function's parameters."""
        at = node.params[-1].to if node.params else node.tparams[-1].to if node.tparams else node.at
        kinds = self.kinds
        while kinds[at] != ")":
            at += 1
        return at + 1

    def _annotations(self, params: list[tree.Param]) -> None:
        for param in params:
            if param.type is not None:
                self.erase(param.at + 1, param.to)

    def _local(self, node: tree.Local) -> None:
        self._annotations(node.names)
        self.separate(node.to)
        if len(node.names) == 1 and len(node.values) == 1 and isinstance(node.values[0], tree.Function):
            equals = node.names[0].to
            name = self._renamed(node.names[0].name or "")
            self.replace(self.starts[equals], self.ends[equals], f";{name}=")

    def _assign(self, node: tree.Assign) -> None:
        targets = node.targets
        if all(not isinstance(target, tree.Index) or never_nil(target.key) for target in targets):
            return
        if len(targets) == 1 and isinstance(targets[0], tree.Index):
            target = targets[0]
            self._split_index(target)
            self.open(self.starts[node.at], self.helper("set") + "(")
            self.replace(self.ends[target.to - 1] - 1, self.ends[target.to], ",")
            self.close(self.ends[node.to - 1], ")")
            self.separate(node.to)
            return
        self._assign_several(node)

    def _split_index(self, target: tree.Index) -> None:
        """`t[k]` → `t,k` up to the closing bracket."""
        opener = target.object.to
        while self.kinds[opener] != "[":
            opener += 1
        self.replace(self.starts[opener], self.ends[opener], ",")

    def _assign_several(self, node: tree.Assign) -> None:
        """All operands go into locals of a block, then the values are stored from right to left."""
        prefix = self.prefix
        stores: list[str] = []
        names: list[str] = []
        values: list[str] = []
        for index, target in enumerate(node.targets):
            value = f"{prefix}{index}v"
            values.append(value)
            if isinstance(target, tree.Name):
                to = target.to + (0 if index == len(node.targets) - 1 else 1)
                self.replace(self.starts[target.at], self.ends[to - 1], "")
                stores.append(f"{self._renamed(target.name)}={value}")
                continue
            names += [f"{prefix}{index}t", f"{prefix}{index}k"]
            last = self.ends[target.to - 1]
            if isinstance(target, tree.Field):
                dot = target.to - 2
                self.replace(self.starts[dot], last, f',"{target.name}"')
            elif isinstance(target, tree.Index):
                self._split_index(target)
                self.replace(last - 1, last, "")
            stores.append(f"{self.helper('set')}({prefix}{index}t,{prefix}{index}k,{value})")
        self.open(self.starts[node.at], f" do local {','.join(names + values)}=")
        equals = node.targets[-1].to
        after_name = isinstance(node.targets[-1], tree.Name)
        self.replace(self.starts[equals], self.ends[equals], " " if after_name else ",")
        self.close(self.ends[node.to - 1], " " + " ".join(reversed(stores)) + " end ")

    def _call_statement(self, node: tree.CallStatement) -> None:
        """`(f())` as a statement loses its parentheses."""
        inner = node.call
        while isinstance(inner, tree.Paren):
            for token in (inner.at, inner.to - 1):
                self.replace(self.starts[token], self.ends[token], ";" if token == inner.at else " ")
            inner = inner.inner

    def _loop(self, node: tree.While | tree.Repeat | tree.NumericFor | tree.GenericFor) -> None:
        self.open(self.ends[node.entry], self.safepoint)

    def _label(self, node: tree.Label) -> None:
        if node.backward:
            self.open(self.ends[node.at], self.safepoint)

    def _declaration(self, node: tree.TypeDeclaration | tree.InterfaceDeclaration) -> None:
        self.replace(self.starts[node.at], self.ends[node.to - 1], ";")


_RULES = {
    tree.Concat: Emitter._concat,
    tree.Binary: Emitter._binary,
    tree.Cast: Emitter._cast,
    tree.Table: Emitter._table,
    tree.Function: Emitter._function,
    tree.Local: Emitter._local,
    tree.Assign: Emitter._assign,
    tree.CallStatement: Emitter._call_statement,
    tree.While: Emitter._loop,
    tree.Repeat: Emitter._loop,
    tree.NumericFor: Emitter._loop,
    tree.GenericFor: Emitter._loop,
    tree.Label: Emitter._label,
    tree.TypeDeclaration: Emitter._declaration,
    tree.InterfaceDeclaration: Emitter._declaration,
}
