"""The module `system`: figures of the runtime, its processes and services, and a few levers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wippy.errors import INTERNAL, INVALID, ArgumentError, WippyError
from wippy.modules.caller import Call
from wippy.modules.module import REFUSE, Module
from wippy.modules.system import machine

__all__ = ["system"]

system = Module("system", classes={"process", "nondeterministic"}, lua="system.lua")

UNLIMITED = 2**63 - 1
"""A memory limit that is none."""


def _reads(name: str, resource: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return _needs(name, "system.read", resource)


def _needs(name: str, action: str, resource: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return system.function(
        name=name,
        permission=action,
        resource_text=resource,
        denied=f"permission denied: {action} on {resource}",
        denied_kind=INVALID,
        in_workflow=REFUSE,
    )


def _figures(table: dict[str, Any]) -> dict[str, Any]:
    """Numbers are floats."""
    return {
        key: float(value) if isinstance(value, int) and not isinstance(value, bool) else value
        for key, value in table.items()
    }


def _number(value: Any, missing: str) -> int:
    if value is None:
        raise WippyError(INVALID, missing)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ArgumentError(1, "number expected")
    if value != value:
        raise ArgumentError(1, "number has no integer representation")
    return int(max(min(value, float(UNLIMITED)), -float(UNLIMITED)))


@system.function(
    name="exit", permission="system.exit", denied="permission denied: system.exit", denied_kind=INVALID,
    in_workflow=REFUSE,
)  # fmt: skip
def exit_(call: Call, code: int | None = None) -> bool:
    """Starts an orderly shutdown of the application with this exit code (0); a later call changes the code.

    Errors: INVALID when denied.
    """
    call.services.system.exit(code or 0)
    return True


@_reads("modules", "modules")
def modules(call: Call) -> list[dict[str, Any]]:
    """All modules: a list of {name, description, class}, where class is a list of words."""
    return call.services.system.modules()


# Memory


@_reads("memory.stats", "memory")
def memory_stats(call: Call) -> dict[str, float]:
    """Memory of the OS process in bytes, and counts: alloc, sys, heap_objects, num_gc and others."""
    return _figures(machine.memory(call.services.system.memory_limit))


@_reads("memory.allocated", "memory")
def allocated(call: Call) -> float:
    """Bytes of memory in use."""
    return float(machine.resident())


@_reads("memory.heap_objects", "memory")
def heap_objects(call: Call) -> float:
    """Allocated blocks, approximately."""
    return float(machine.objects())


@_reads("memory.get_limit", "memory_limit")
def get_limit(call: Call) -> float:
    """The limit in bytes that was set last; 2^63-1 for none. Advice: nothing is refused because of it."""
    return float(call.services.system.memory_limit)


@_needs("memory.set_limit", "system.control", "memory_limit")
def set_limit(call: Call, limit: Any = None) -> float:
    """Sets the limit in bytes, -1 for none; the limit before. Errors: INVALID."""
    value = _number(limit, "memory limit value required")
    if value < -1:
        raise WippyError(INVALID, "limit must be non-negative or -1")
    before = call.services.system.memory_limit
    call.services.system.memory_limit = UNLIMITED if value == -1 else value
    return float(before)


# Garbage


@_needs("_collect", "system.gc", "gc")
def collect(call: Call) -> bool:
    call.services.system.collect()
    return True


system.lua_function("gc.collect()", in_workflow=REFUSE, doc="Collects garbage in all VMs. Errors: INVALID when denied.")


@_needs("gc.get_percent", "system.gc", "gc_percent")
def get_percent(call: Call) -> float:
    """The value that was set last (100). The collectors of this runtime pace themselves."""
    return float(call.services.system.gc_percent)


@_needs("gc.set_percent", "system.gc", "gc_percent")
def set_percent(call: Call, percent: Any = None) -> float:
    """Sets the value, a negative one reads as 100; the value before. Errors: INVALID."""
    value = _number(percent, "percent value required")
    before = call.services.system.gc_percent
    call.services.system.gc_percent = value if value >= 0 else 100
    return float(before)


# Runtime


@_reads("runtime.goroutines", "goroutines")
def goroutines(call: Call) -> float:
    """How many tasks are alive: processes and calls, effects under way, threads."""
    return float(call.services.system.tasks())


@_reads("runtime.cpu_count", "cpu")
def cpu_count(call: Call) -> float:
    """Processors of the machine."""
    return float(machine.processors())


@system.function(name="runtime.max_procs", in_workflow=REFUSE)
def max_procs(call: Call, n: Any = None) -> float:
    """The number of processors the application may count on, by default all; with a number sets it, and gives the one
    before. Errors: INVALID, also when denied."""
    action = "system.read" if n is None else "system.control"
    if not call.permit(action, "gomaxprocs"):
        raise WippyError(INVALID, f"permission denied: {action} on gomaxprocs")
    view = call.services.system
    before = view.max_procs
    if n is not None:
        value = _number(n, "")
        if value <= 0:
            raise WippyError(INVALID, "GOMAXPROCS value must be positive")
        view.max_procs = value
    return float(before)


# Process of the operating system


@_reads("process.pid", "pid")
def pid(call: Call) -> float:
    """Its number."""
    return float(machine.pid())


@_reads("process.hostname", "hostname")
def hostname(call: Call) -> str:
    """Name of the machine."""
    return machine.hostname()


@_reads("process.cwd", "cwd")
def cwd(call: Call) -> str:
    """Working directory. Errors: INTERNAL when it is gone."""
    try:
        return machine.folder()
    except OSError as error:
        raise WippyError(INTERNAL, f"failed to get the working directory: {error.strerror}") from None


# Hosts

system.lua_function(
    "hosts.list()",
    in_workflow=REFUSE,
    doc="Hosts of processes: a list of {id, workers, processes, executed, stolen, queue_depth}. Errors: INVALID.",
)
system.lua_function(
    "hosts.processes(host_id: string)",
    in_workflow=REFUSE,
    doc="""\
Processes of a host: a list of {pid, host, source, state, steps, started_at, parent?, actor_id?, mailbox, reductions,
coroutines, at?, waits?, names?}. state: ready, running, blocked, idle; started_at: ns since 1970; at: where the code
stands; waits: what for. An unknown host has none. Waits where the host has other workers than the caller's. Errors:
INVALID.""",
)


@_reads("_hosts_list", "hosts")
def hosts_list(call: Call, worker: int, living: int, queued: int, turns: int, stolen: int) -> list[dict[str, Any]]:
    fresh = {worker: (living, queued, turns, stolen)}
    return [_figures(host) for host in call.services.system.hosts(fresh)]


@_reads("_stations", "hosts")
def stations(call: Call, host_id: Any = None) -> list[int]:
    if not isinstance(host_id, str):
        raise ArgumentError(1, "string expected")
    if not host_id:
        raise WippyError(INVALID, "host ID required")
    return call.services.system.stations(host_id)


@system.function(in_workflow=REFUSE)
async def _processes(call: Call, numbers: list[int]) -> list[dict[str, Any]]:
    return await call.services.system.processes(numbers)


# Services


@_reads("supervisor.state", "supervisor")
def state(call: Call, id: str) -> dict[str, Any]:
    """A service: {id, status, desired, retry_count, last_update, started_at, details?}; times in ns since 1970.

    Errors: INVALID, INTERNAL for an unknown one.
    """
    if not id:
        raise WippyError(INVALID, "service ID required")
    found = call.services.system.service(id)
    if found is None:
        raise WippyError(INTERNAL, f"service not found: {id}")
    return _figures(found)


@_reads("supervisor.states", "supervisor")
def states(call: Call) -> list[dict[str, Any]]:
    """All services, by id."""
    return [_figures(found) for found in call.services.system.services()]


# Cluster


@_reads("node.id", "node")
def node_id(call: Call) -> str:
    """ID of this node."""
    return call.services.system.cluster.id


@_reads("node.addr", "node")
def node_addr(call: Call) -> str:
    """The address that other nodes reach this one at. Errors: INTERNAL without a cluster."""
    address = call.services.system.cluster.address
    if not address:
        raise WippyError(INTERNAL, "local node address not available")
    return address


@_reads("node.role", "node")
def node_role(call: Call) -> str:
    """leader, voter, standby or non-member."""
    return call.services.system.cluster.role


@_reads("cluster.members", "cluster")
def members(call: Call) -> list[dict[str, Any]]:
    """The nodes, this one first: a list of {id, is_local, addr?, meta?}."""
    return call.services.system.cluster.members()


@_reads("cluster.leader", "cluster")
def leader(call: Call) -> str:
    """ID of the leader, "" for none."""
    return call.services.system.cluster.leader


@_reads("cluster.size", "cluster")
def size(call: Call) -> float:
    """How many nodes there are."""
    return float(len(call.services.system.cluster.members()))


def _consensus(name: str, resource: str, doc: str) -> None:
    @_reads(f"raft.{name}", resource)
    def ask(call: Call) -> Any:
        value = call.services.system.cluster.consensus(name)
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value

    ask.__doc__ = doc


for _name, _doc in {
    "is_leader": "Whether this node leads.",
    "is_member": "Whether this node takes part.",
    "role": "The part it has.",
    "term": "The number of the term.",
    "commit_index": "The last agreed change.",
}.items():
    _consensus(_name, "raft", f"{_doc} Errors: INTERNAL without consensus.")
_consensus("stats", "raft_stats", "Figures as texts. Errors: INTERNAL without consensus.")


# Locks

_LOCK = {
    "permission": "system.lock",
    "resource": "name",
    "denied": "permission denied: system.lock on {resource}",
    "in_workflow": REFUSE,
}


@system.function(name="lock.acquire", **_LOCK)
async def acquire(call: Call, name: str) -> Any:
    """Takes a lock of the cluster, without waiting for who holds it. It is freed when its holder ends.

    Gives true, or false and an error ALREADY_EXISTS. Errors: INTERNAL without a cluster, PERMISSION_DENIED.
    """
    return await call.services.system.cluster.acquire(name, call.pid)


@system.function(name="lock.release", **_LOCK)
async def release(call: Call, name: str) -> Any:
    """Frees a lock: whether the caller held it. Errors: INTERNAL without a cluster, PERMISSION_DENIED."""
    return await call.services.system.cluster.release(name, call.pid)
