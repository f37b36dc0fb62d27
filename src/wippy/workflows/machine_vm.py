"""The VM that carries workflow runs: shared by all runs of a thread, or of a place that threads drive in turn.

A VM with the kernel in it costs about a millisecond and half a megabyte; a run in it a few kilobytes. Runs share
nothing that code can reach: each has an environment of its own, and what all see is frozen.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from wippy.errors import WippyError
from wippy.kernel import codec
from wippy.kernel.host_base import make_base_host
from wippy.kernel.vm import VM
from wippy.modules.time.zones import make_time_host
from wippy.units.runtime import Runtime
from wippy.workflows.option_keys import activity_options, over, search_attributes, workflow_options

if TYPE_CHECKING:
    from wippy.workflows.machine import LuaMachine

_local = threading.local()


class MachineVM:
    """One VM with the runs in it. Used by one thread at a time.

    Attributes:
        K: the kernel table.
        current: the machine whose code runs; host functions act for it.
        broken: the kernel itself has failed in it: no new run may come in.
    """

    def __init__(self, runtime: Runtime, max_memory: int) -> None:
        self._runtime = runtime
        self.current: LuaMachine | None = None
        self.broken = False
        self.revision = runtime.code.revision
        self._vm = VM(max_memory=max_memory, host=self._host_functions(), workflow=True)
        self.K = self._vm.K

    def enter(self, machine: LuaMachine) -> Any:
        """Makes a machine the current one; returns the kernel table."""
        self.current = machine
        return self.K

    def refresh(self) -> None:
        """Forgets definitions of entries if code has changed since."""
        revision = self._runtime.code.revision
        if revision != self.revision:
            self.revision = revision
            self.K.forget_units()

    def memory(self) -> int:
        """Bytes in use."""
        return self._vm.memory()

    def _machine(self) -> LuaMachine:
        assert self.current is not None
        return self.current

    def _host_functions(self) -> dict[str, Callable[..., Any]]:
        runtime, of = self._runtime, self._machine
        shared = runtime.host_functions()
        bindings, printed = runtime.bindings, shared["print"]

        def module_call(fn_id: bytes, packed: bytes, pid: bytes, entry: bytes, blob: bytes) -> Any:
            try:
                return bindings.module_call(of().unit, fn_id, packed)
            except BaseException as error:
                return 1, codec.pack([codec.ErrorValue.of(error)])

        def check_options(what: bytes, packed: bytes, id: bytes = b"") -> bytes | None:
            preset = runtime.code.preset(id.decode("utf-8", "replace")) if id else None
            if not packed and not preset:
                return None
            try:
                values = codec.unpack(b"\x91" + packed)[0] if packed else {}
                if what == b"activity":
                    activity_options(over(preset, values) if preset else values)
                elif what == b"attributes":
                    search_attributes(values)
                else:
                    workflow_options(values)
            except WippyError as error:
                return error.message.encode()
            except Exception as error:
                return f"{type(error).__name__}: {error}".encode()
            return None

        def print_line(entry: bytes, pid: bytes, line: int, text: bytes) -> None:
            if of().prints:
                printed(entry, pid, line, text)

        def unreachable(pid: bytes) -> bytes | None:
            try:
                found = of().unreachable(pid.decode("utf-8", "replace"))
                return found.encode() if found else None
            except Exception as error:
                return f"{type(error).__name__}: {error}".encode()

        return {
            **make_base_host(),
            **make_time_host(),
            **shared,
            "module_call": module_call,
            "check_options": check_options,
            "print": print_line,
            "unreachable": unreachable,
            "entropy": lambda size: of().unit.random.take(size),
            "now_ns": lambda: of().unit.time_ns,
            "monotonic_ns": lambda: of().unit.time_ns,
            "started_ns": lambda: of().unit.time_ns,
            "release": lambda pid: None,
            "names_release": lambda pid: None,
            "pid_block": lambda: (1, 1),
        }


def machine_vm(runtime: Runtime, max_memory: int = 0) -> MachineVM:
    """The VM of the calling thread, made at the first use and again after it has broken."""
    key = (id(runtime), max_memory)
    found: dict[Any, MachineVM] = _local.__dict__.setdefault("vms", {})
    vm = found.get(key)
    if vm is None or vm.broken or vm._runtime is not runtime:
        vm = found[key] = MachineVM(runtime, max_memory)
    vm.refresh()
    return vm
