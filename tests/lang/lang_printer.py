"""Tree → source text, every expression in its own parentheses where they are no node of the tree."""

from __future__ import annotations

from wippy.lang import tree


def _list(nodes, show):
    return ", ".join(show(node) for node in nodes)


def typ(node) -> str:
    match node:
        case tree.TypeName():
            return ".".join(node.path) + (f"<{_list(node.args, typ)}>" if node.args else "")
        case tree.LiteralType():
            return node.text
        case tree.ArrayType():
            return f"{{ {typ(node.item)} }}"
        case tree.MapType():
            return f"{{ [{typ(node.key)}] : {typ(node.value)} }}"
        case tree.TupleType():
            return f"{{ {_list(node.items, typ)} }}"
        case tree.RecordType():
            rows = (f"{f.name}{'?' if f.optional else ''} : ({typ(f.type)})" for f in node.fields)
            return f"{'interface ' if node.interface else ''}{{ {' , '.join(rows)} }}"
        case tree.FunctionType():
            params = ", ".join(
                "..." + (typ(p.type) if p.type else "")
                if p.name == "..."
                else (f"{p.name} : " if p.name else "") + typ(p.type)
                for p in node.params
            )
            return f"(({params}) -> ({_list(node.results, typ)}))"
        case tree.OptionalType():
            return f"({typ(node.inner)}) ?"
        case tree.UnionType():
            return "(" + " | ".join(f"({typ(item)})" for item in node.items) + ")"
        case tree.IntersectionType():
            return "(" + " & ".join(f"({typ(item)})" for item in node.items) + ")"
        case tree.ReadonlyType():
            return f"(readonly {typ(node.inner)})"
        case tree.KeyOf():
            return f"keyof({typ(node.inner)})"
        case tree.TypeOf():
            return f"typeof({exp(node.value)})"
        case tree.IndexedType():
            return f"({typ(node.object)}) [ {typ(node.key)} ]"
        case tree.ConditionalType():
            return f"(({typ(node.value)}) extends ({typ(node.base)}) ? {typ(node.yes)} : {typ(node.no)})"
        case tree.ConstrainedType():
            return f"({typ(node.base)}) @{node.name}({_list(node.args, exp)})"
        case tree.AssertsType():
            return f"asserts {node.name}" + (f" is {typ(node.type)}" if node.type else "")
    raise TypeError(node)


def exp(node) -> str:
    match node:
        case tree.Constant() | tree.Number() | tree.String():
            return node.text
        case tree.Name():
            return node.name
        case tree.Field():
            return f"{exp(node.object)} . {node.name}"
        case tree.Index():
            return f"{exp(node.object)} [ {exp(node.key)} ]"
        case tree.Call():
            return f"{exp(node.callee)} ({_list(node.args, exp)})"
        case tree.MethodCall():
            return f"{exp(node.object)} : {node.name} ({_list(node.args, exp)})"
        case tree.Paren():
            return f"({exp(node.inner)})"
        case tree.Unary():
            return f"{node.op} {exp(node.operand)}"
        case tree.Binary():
            return f"{exp(node.left)} {node.op} {exp(node.right)}"
        case tree.Concat():
            return " .. ".join(exp(operand) for operand in node.operands)
        case tree.Cast():
            return f"{exp(node.value)} {node.form} {typ(node.type) if node.type else ''}"
        case tree.Table():
            return "{ " + " ; ".join(_item(item) for item in node.items) + " }"
        case tree.Function():
            return "function " + function(node)
    raise TypeError(node)


def _item(item) -> str:
    value = exp(item.value)
    if item.name is not None:
        return f"{item.name} = {value}"
    return f"[ {exp(item.key)} ] = {value}" if item.key is not None else value


def _param(param) -> str:
    return (param.name or "") + (f" : {typ(param.type)}" if param.type else "")


def _tparams(params) -> str:
    rows = (p.name + (f" : {typ(p.constraint)}" if p.constraint else "") for p in params)
    return f"< {', '.join(rows)} >" if params else ""


def _results(results) -> str:
    return "" if results is None else f" : ({_list(results, typ)})"


def function(node) -> str:
    return f"{_tparams(node.tparams)}({_list(node.params, _param)}){_results(node.results)}\n{body(node.body)} end"


def body(statements) -> str:
    return "".join(stat(statement) + " ;\n" for statement in statements)


def stat(node) -> str:
    match node:
        case tree.Local():
            return f"local {_list(node.names, _param)}" + (f" = {_list(node.values, exp)}" if node.values else "")
        case tree.Assign():
            return f"{_list(node.targets, exp)} = {_list(node.values, exp)}"
        case tree.CallStatement():
            return exp(node.call)
        case tree.Do():
            return f"do {body(node.body)} end"
        case tree.While():
            return f"while {exp(node.condition)} do {body(node.body)} end"
        case tree.Repeat():
            return f"repeat {body(node.body)} until {exp(node.condition)}"
        case tree.If():
            words = ["if", *["elseif"] * (len(node.clauses) - 1)]
            rows = [
                f"{word} {exp(c.condition)} then {body(c.body)}" if c.condition else f"else {body(c.body)}"
                for word, c in zip(words, node.clauses, strict=True)
            ]
            return "".join(rows) + " end"
        case tree.NumericFor():
            return f"for {node.name} = {_list(node.bounds, exp)} do {body(node.body)} end"
        case tree.GenericFor():
            return f"for {', '.join(node.names)} in {_list(node.values, exp)} do {body(node.body)} end"
        case tree.FunctionStatement():
            method = f" : {node.method}" if node.method else ""
            return f"function {exp(node.target)}{method} {function(node.function)}"
        case tree.LocalFunction():
            return f"local function {node.name} {function(node.function)}"
        case tree.Return():
            return f"return {_list(node.values, exp)}"
        case tree.Break():
            return "break"
        case tree.Goto():
            return f"goto {node.name}"
        case tree.Label():
            return f"::{node.name}::"
        case tree.TypeDeclaration():
            return f"type {node.name} {_tparams(node.params)} = {typ(node.type)}"
        case tree.InterfaceDeclaration():
            bases = f" : {_list(node.bases, typ)}" if node.bases else ""
            rows = (f"function {m.name}({_list(m.params, _tparam)}){_results(m.results)}\n" for m in node.methods)
            return f"interface {node.name} {_tparams(node.params)}{bases}\n{''.join(rows)} end"
    raise TypeError(node)


def _tparam(param) -> str:
    if param.name == "...":
        return "..." + (typ(param.type) if param.type else "")
    return (f"{param.name} : " if param.name else "") + typ(param.type)
