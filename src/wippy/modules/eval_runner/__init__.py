"""The module `eval_runner`: programs made at run time, in an environment of their own."""

from __future__ import annotations

import functools
import sys
import threading
from typing import Any
from weakref import WeakKeyDictionary

from wippy.duration import parse_duration
from wippy.errors import INTERNAL, SourceError, WippyError
from wippy.kernel import codec
from wippy.lang.compiler import compile_source
from wippy.modules.caller import Call
from wippy.modules.catalog import Catalog
from wippy.modules.eval_runner.cache import CAPACITY, Compiled, CompiledCache
from wippy.modules.module import Module

__all__ = ["eval_runner"]

eval_runner = Module(
    "eval_runner", classes={"process", "nondeterministic"}, lua=("environment.lua", "program.lua", "eval_runner.lua")
)
eval_runner.lua_function(
    "compile(source: string, method?: string, options?: table)",
    doc="Checks a program: gives a Program. Options: modules, imports. Errors: INVALID, PERMISSION_DENIED, INTERNAL.",
)
eval_runner.lua_function(
    "run(options: table)",
    doc="Runs a program to its end and gives its first result as plain data. Options: source, method, args, modules, "
    "imports, context, allow_classes, custom_modules. Errors: INVALID, PERMISSION_DENIED, INTERNAL.",
)
eval_runner.lua_method("Program", "method()", doc="The method it was compiled for.")
eval_runner.lua_method("Program", "modules()", doc="The modules it was compiled with.")

_printing = threading.Lock()


_caches: WeakKeyDictionary[Any, CompiledCache] = WeakKeyDictionary()


def _cache(call: Call) -> CompiledCache:
    """The programs of an application."""
    services = call.services
    found = _caches.get(services)
    if found is None:
        size = services.setting("lua.eval.cache_size", CAPACITY)
        ttl = parse_duration(str(services.setting("lua.eval.cache_ttl", "0"))) / 1e9
        found = _caches.setdefault(services, CompiledCache(size, ttl))
    return found


def _compiled(source: bytes) -> Compiled:
    chunk = compile_source(source, "eval")
    return chunk.lua, codec.pack([{"types": chunk.types, "aliases": chunk.aliases}])[1:]


@eval_runner.function(large=20_000)
def _compile(call: Call, source: bytes) -> tuple[bytes, bytes]:
    try:
        return _cache(call).compiled(source, _compiled)
    except SourceError as error:
        where = ":".join(str(part) for part in ("eval", error.line, error.column) if part is not None)
        hint = f" ({error.hint})" if error.hint else ""
        raise WippyError(INTERNAL, f"{where}: {error.bare}{hint}") from None


@functools.cache
def _classes() -> dict[str, list[str]]:
    catalog = Catalog()
    found = {name: catalog.get(name) for name in catalog.names()}
    return {name: sorted(module.classes) for name, module in found.items() if module is not None}


@eval_runner.function(single=True)
def _modules(call: Call) -> dict[str, list[str]]:
    return _classes()


@eval_runner.function(single=True)
def _print(call: Call, line: bytes) -> bool:
    with _printing:
        sys.stdout.write(line.decode("utf-8", "replace") + "\n")
        sys.stdout.flush()
    return True
