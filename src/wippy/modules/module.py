"""The declaration of a module: one statement per function, from which stubs, checks and behaviour are made."""

from __future__ import annotations

import enum
import inspect
import itertools
import re
import sys
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import Any

from wippy.errors import INVALID, PERMISSION_DENIED

CLASSES = frozenset(
    {
        "deterministic",
        "nondeterministic",
        "workflow",
        "encoding",
        "security",
        "io",
        "network",
        "storage",
        "process",
        "time",
    }
)
WORKFLOW_CLASSES = frozenset({"deterministic", "workflow"})


class InWorkflow(enum.Enum):
    """What a function does in a workflow."""

    SAME = "same"  # runs in place, result follows from the arguments
    RECORD = "record"  # takes time and randomness from the run, so that replay gives the same
    TIMER = "timer"  # a durable timer
    ACTIVITY = "activity"  # carried out once, its result is recorded
    CHILD = "child"  # a child workflow
    SIGNAL = "signal"  # a signal to another run
    REFUSE = "refuse"  # an error that says where to call it instead


SAME = InWorkflow.SAME
RECORD = InWorkflow.RECORD
TIMER = InWorkflow.TIMER
ACTIVITY = InWorkflow.ACTIVITY
CHILD = InWorkflow.CHILD
SIGNAL = InWorkflow.SIGNAL
REFUSE = InWorkflow.REFUSE


@dataclass(frozen=True, slots=True)
class Convert:
    """Annotation metadata: the Lua function registered as `K.converters[name]` prepares the argument."""

    name: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter as Lua sees it.

    Args:
        type: what an argument error names.
        python: what the handler gets.
        default: the handler has a value for it when it is absent.
    """

    name: str
    type: str
    optional: bool = False
    rest: bool = False
    convert: str | None = None
    python: type | None = None
    default: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """One declared function or method. `handler` is None where the code is Lua."""

    id: str
    name: str
    parameters: tuple[Parameter, ...]
    handler: Callable[..., Any] | None
    effect: bool
    in_workflow: InWorkflow
    permission: str | None = None
    resource: str | None = None
    denied: str = "not allowed"
    denied_kind: str | None = PERMISSION_DENIED
    failure: Any = None
    single: bool = False
    doc: str = ""
    owner: str | None = None
    resource_at: int | None = None
    resource_text: str = ""
    takes_bytes: tuple[int, ...] = ()
    large: int | None = None


@dataclass(slots=True)
class ObjectClass:
    """A Python class whose instances Lua code holds by handle."""

    id: int
    name: str
    python: type
    text: str
    gone: str | None = None
    methods: dict[str, Function] = field(default_factory=dict)
    text_function: Function | None = None

    @property
    def module(self) -> str:
        """The module that declares it."""
        return self.name.partition(".")[0]


_class_ids = itertools.count(1)
_object_classes: dict[type, ObjectClass] = {}
_gone_texts: dict[int, str] = {}
_SIGNATURE = re.compile(r"^\s*([A-Za-z_][\w.]*)\s*\(\s*(.*?)\s*\)\s*$", re.S)
_LUA_TYPES = {
    str: "string",
    bytes: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    dict: "table",
    list: "table",
}


def object_class_of(python: type) -> ObjectClass | None:
    """The declared class of a Python class or of one of its bases, else None."""
    for base in python.__mro__:
        found = _object_classes.get(base)
        if found is not None:
            return found
    return None


def gone_text(class_id: int) -> str | None:
    """What a call on a closed object of this class says, where the class has words of its own."""
    return _gone_texts.get(class_id)


class Module:
    """One module that code can require.

    Args:
        name: what `require` takes.
        classes: what the module may do; see `CLASSES`. A workflow may reach it only when one of them is
            `deterministic` or `workflow`.
        lua: Lua files beside the declaring file. Each is a chunk called with the kernel table and a table of the
            native stubs (`fn`, and by class name `classes`, `methods`, `native`); what they return is the module
            table, merged, or an object.
    """

    def __init__(self, name: str, *, classes: Iterable[str], lua: str | tuple[str, ...] = (), doc: str = "") -> None:
        self.name = name
        self.classes = frozenset(classes)
        unknown = self.classes - CLASSES
        if unknown:
            raise ValueError(
                f"module {name}: unknown class {', '.join(sorted(unknown))}; known: {', '.join(sorted(CLASSES))}"
            )
        self.doc = doc
        self.functions: dict[str, Function] = {}
        self.objects: dict[str, ObjectClass] = {}
        self.constants: dict[str, Any] = {}
        beside = Path(sys._getframe(1).f_code.co_filename).parent
        self.lua = tuple(beside / file for file in ((lua,) if isinstance(lua, str) else lua))

    @property
    def in_workflows(self) -> bool:
        """Whether a workflow may reach this module."""
        return bool(self.classes & WORKFLOW_CLASSES)

    def function(self, **options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declares a function whose code is the decorated Python function.

        `async def` is an effect: the coroutine that calls it is parked until it is carried out. Plain `def` runs in
        place and must not wait. Options: name, in_workflow (SAME), permission, resource (argument name) or
        resource_text, denied (text; `{resource}` is filled in), denied_kind (None raises), failure (first value on
        failure), single (one value on success instead of `value, nil`), large (bytes of arguments from which on the
        function runs in a thread of its own where the caller can wait, so that others go on meanwhile; for functions
        that need nothing but their arguments). A name that begins with `_` is seen by the Lua file of the module
        only; `random.bytes` stands as `bytes` in the table `random` of the module.
        """

        def declare(handler: Callable[..., Any]) -> Callable[..., Any]:
            made = self._make(handler, None, options)
            self._add(self.functions, made)
            return handler

        return declare

    def method(self, owner: type, **options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Declares a method of the objects of `owner`; options as for `function`."""

        def declare(handler: Callable[..., Any]) -> Callable[..., Any]:
            held = self._held(owner)
            self._add(held.methods, self._make(handler, held, options))
            return handler

        return declare

    def text(self, owner: type) -> Callable[[Callable[..., str]], Callable[..., str]]:
        """Declares what `tostring` gives for the objects of `owner`."""

        def declare(handler: Callable[..., str]) -> Callable[..., str]:
            held = self._held(owner)
            held.text_function = self._make(handler, held, {"name": "__tostring", "single": True})
            return handler

        return declare

    def object(self, name: str, python: type, text: str | None = None, *, gone: str | None = None) -> type:
        """Declares that instances of `python` are held by Lua code as objects named `<module>.<name>`.

        Args:
            text: what `tostring` gives.
            gone: text of the INTERNAL error of a call on an object that has been dropped; by default INVALID.
        """
        full = f"{self.name}.{name}"
        if python in _object_classes:
            raise ValueError(f"{full}: {python.__name__} is already declared as {_object_classes[python].name}")
        held = ObjectClass(next(_class_ids), full, python, text or f"{full}{{}}", gone)
        _object_classes[python] = held
        if gone is not None:
            _gone_texts[held.id] = gone
        self.objects[name] = held
        return python

    def lua_function(self, signature: str, *, in_workflow: InWorkflow = SAME, doc: str = "") -> None:
        """Declares a function that the Lua file implements, e.g. `sleep(duration: any)`.

        Types: string number integer boolean table function any; `?` behind a name or type makes it optional, `...`
        stands for any further arguments.
        """
        self._add(self.functions, self._signature(signature, None, in_workflow, doc))

    def lua_method(self, owner: type | str, signature: str, *, in_workflow: InWorkflow = SAME, doc: str = "") -> None:
        """Declares a method that the Lua file implements; `owner` is a class given to `object` or a name."""
        if isinstance(owner, type):
            held = self._held(owner)
            self._add(held.methods, self._signature(signature, held.name, in_workflow, doc))
        else:
            held = self.objects.get(owner)
            if held is None:
                held = self.objects[owner] = ObjectClass(0, f"{self.name}.{owner}", type(None), "")
            self._add(held.methods, self._signature(signature, held.name, in_workflow, doc))

    def constant(self, name: str, value: Any) -> None:
        """Adds a value (plain data; tables are read-only in Lua) to the module table."""
        self.constants[name] = value

    def all_functions(self) -> Iterable[Function]:
        """Every declared function and method."""
        yield from self.functions.values()
        for held in self.objects.values():
            yield from held.methods.values()
            if held.text_function is not None:
                yield held.text_function

    def spec(self) -> dict[str, Any]:
        """What the Lua side needs to bind the module, as plain data."""
        return {
            "name": self.name,
            "constants": self.constants,
            "functions": [_function_spec(f) for f in self.functions.values()],
            "objects": [
                {
                    "id": held.id,
                    "name": held.name,
                    "text": held.text,
                    "text_function": _function_spec(held.text_function) if held.text_function else None,
                    "methods": [_function_spec(m) for m in held.methods.values()],
                }
                for held in self.objects.values()
                if held.id
            ],
        }

    def _held(self, owner: type) -> ObjectClass:
        held = _object_classes.get(owner)
        if held is None:
            raise ValueError(f"module {self.name}: declare object(..., {owner.__name__}) before its methods")
        return held

    def _add(self, table: dict[str, Function], made: Function) -> None:
        if made.name in table:
            raise ValueError(f"{made.id} is declared twice")
        table[made.name] = made

    def _make(self, handler: Callable[..., Any], held: ObjectClass | None, options: dict[str, Any]) -> Function:
        options = dict(options)
        name = options.pop("name", None) or handler.__name__.rstrip("_")
        in_workflow = options.pop("in_workflow", SAME)
        hints = typing.get_type_hints(handler, include_extras=True)
        names = list(inspect.signature(handler).parameters.values())[1:]
        parameters = tuple(_parameter(p, hints.get(p.name, Any)) for p in names)
        resource = options.get("resource")
        resource_at = None
        if resource is not None:
            resource_at = [p.name for p in parameters].index(resource)
        prefix = held.name if held else self.name
        return Function(
            id=f"{prefix}.{name}",
            name=name,
            parameters=parameters,
            handler=handler,
            effect=inspect.iscoroutinefunction(handler),
            in_workflow=in_workflow,
            doc=inspect.getdoc(handler) or "",
            owner=held.name if held else None,
            resource_at=resource_at,
            takes_bytes=tuple(i for i, p in enumerate(parameters) if p.python is bytes),
            **options,
        )

    def _signature(self, signature: str, owner: str | None, in_workflow: InWorkflow, doc: str) -> Function:
        match = _SIGNATURE.match(signature)
        if match is None:
            raise ValueError(
                f"module {self.name}: cannot read the signature {signature!r}; write name(a: type, b?: type)"
            )
        name, inside = match.groups()
        parameters = []
        for part in filter(None, (piece.strip() for piece in inside.split(","))):
            if part.startswith("..."):
                parameters.append(Parameter("...", "any", optional=True, rest=True))
                continue
            label, _, kind = (piece.strip() for piece in part.partition(":"))
            optional = label.endswith("?") or kind.endswith("?")
            parameters.append(Parameter(label.rstrip("?"), kind.rstrip("?") or "any", optional))
        return Function(
            id=f"{owner or self.name}.{name}",
            name=name,
            parameters=tuple(parameters),
            handler=None,
            effect=False,
            in_workflow=in_workflow,
            doc=doc,
            owner=owner,
        )


def _parameter(parameter: inspect.Parameter, hint: Any) -> Parameter:
    optional = parameter.default is not inspect.Parameter.empty
    rest = parameter.kind is inspect.Parameter.VAR_POSITIONAL
    convert = None
    if typing.get_origin(hint) is typing.Annotated:
        hint, *metadata = typing.get_args(hint)
        convert = next((m.name for m in metadata if isinstance(m, Convert)), None)
    if typing.get_origin(hint) in (typing.Union, UnionType):
        members = [m for m in typing.get_args(hint) if m is not type(None)]
        hint = members[0] if len(members) == 1 else Any
    hint = typing.get_origin(hint) or hint
    if convert is not None or hint is Any:
        return Parameter(parameter.name, "any", True, rest, convert, None, optional)
    lua_type = _LUA_TYPES.get(hint)
    if lua_type is None:
        held = _object_classes.get(hint) if isinstance(hint, type) else None
        if held is None:
            raise ValueError(f"parameter {parameter.name}: {hint} has no form in Lua")
        lua_type = held.name
    return Parameter(parameter.name, lua_type, optional or rest, rest, None, hint, optional)


def _function_spec(function: Function) -> dict[str, Any]:
    return {
        "id": function.id,
        "name": function.name,
        "lua": function.handler is None,
        "effect": function.effect,
        "refused": function.in_workflow is REFUSE,
        "large": function.large,
        "failure": function.failure,
        "types": [p.type for p in function.parameters],
        "optional": [p.optional for p in function.parameters],
        "converts": [p.convert or False for p in function.parameters],
        "rest": bool(function.parameters and function.parameters[-1].rest),
        "kind": INVALID,
    }
