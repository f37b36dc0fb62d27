"""Runs typed Lua with the base library, without units around it."""

from __future__ import annotations

import functools
from typing import Any

from wippy.kernel.host_base import make_base_host
from wippy.kernel.vm import VM
from wippy.lang.compiler import compile_source

NAME = "test:code"


@functools.cache
def shared_vm() -> VM:
    return make_vm()


def make_vm(workflow: bool = False, random_seed: tuple[int, int] = (1, 2)) -> VM:
    host = {**make_base_host(), "entropy": lambda n: bytes(range(int(n)))}
    vm = VM(max_memory=0, host=host, workflow=workflow, random_seed=random_seed)
    vm.K.rt[b"preempt"] = vm.load_chunk(b"return 4000", b"preempt")  # no unit runs here that could be suspended
    return vm


def run(source: str, *args: Any, vm: VM | None = None) -> Any:
    """What a chunk returns: bytes, numbers, booleans, None; several results as a tuple."""
    vm = vm or shared_vm()
    chunk = compile_source(source, NAME)
    return vm.load_chunk(chunk.lua, chunk.name.encode())(vm.K.base, vm.K.rt)(*args)


def text(source: str, *args: Any) -> str:
    """The results of a chunk as `tostring` shows them, one space between."""
    wrapped = f"local function show(...) local t = {{}} for i = 1, select('#', ...) do \
t[i] = tostring((select(i, ...))) end return table.concat(t, ' ') end return show((function(...) {source} end)(...))"
    return run(wrapped, *args).decode()


def error(source: str, *args: Any) -> str:
    """The message that a chunk raises."""
    ok, message = run(f"return pcall(function(...) {source} end, ...)", *args)
    assert not ok, f"no error: {source}"
    return message.decode()
