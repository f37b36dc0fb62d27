"""What a workflow provider and its workers know of each other, whatever provider it is."""

from __future__ import annotations

from typing import Any

from wippy.errors import NOT_FOUND
from wippy.kernel import codec
from wippy.kernel.worker import Envelope
from wippy.registry.entry import Entry
from wippy.services.site import Site, qualified
from wippy.units.frame import NO_FRAME, Frame
from wippy.workflows.activities import Activities
from wippy.workflows.host import WorkflowHost, plain_values
from wippy.workflows.machine import LuaMachine, unknown_type
from wippy.workflows.machine_api import RunInfo
from wippy.workflows.machine_vm import MachineVM, machine_vm
from wippy.workflows.payload import Payload
from wippy.workflows.provider import Provider


class WorkflowNode:
    """A provider as its workers and its runs see it.

    Attributes:
        id: of its entry; the node part of the PIDs of its workflows.
        queues: task queue -> worker that serves it.
        frames: task queue -> identity of what runs there without one of its own.
        log_in_replay: task queues whose runs print during replay too.
        problem: why it did not start, or empty.
        peer: takes what goes to its workflows by another host than a worker, such as the name of a task queue.
    """

    max_memory = 0

    def __init__(self, site: Site, id: str) -> None:
        self.id = id
        self.problem = ""
        self.queues: dict[str, WorkflowHost] = {}
        self.frames: dict[str, Frame] = {}
        self.log_in_replay: set[str] = set()
        self._site = site
        self.peer = WorkflowHost("", id, "", site.runtime, self.engine, str, lambda: self.problem)
        self.activities = Activities(
            site.runtime, site.functions, self.engine, lambda queue: self.frames.get(queue, NO_FRAME)
        )

    def engine(self) -> Provider | None:
        """The running provider, or None."""
        raise NotImplementedError

    def accept(self, envelope: Envelope) -> None:
        """What goes to a PID of this node: by its worker, if the PID names one."""
        host_id = envelope[1].partition("@")[2].partition("|")[0]
        host = next((one for one in self.queues.values() if one.id == host_id), None)
        if host is None and envelope[0] == "terminate":
            self._site.runtime.router.fail(envelope, NOT_FOUND, f"host not found: {host_id}")
        else:
            (host or self.peer).accept(envelope)

    def machine(self, info: RunInfo, vm: MachineVM | None = None, *, trace: bool | str = False) -> LuaMachine:
        """A machine for a run, in `vm` or that of the thread. Raises Blocked if its queue does not serve the type."""
        host = self.queues.get(info.queue)
        entry = entry_of_type(self._site, info.type, host.id) if host is not None else None
        if host is None or entry is None:
            raise unknown_type(info.type)
        return LuaMachine(
            info,
            self._site.runtime,
            entry=entry,
            node=self.id,
            host=host.id,
            base_frame=self.frames.get(info.queue, NO_FRAME),
            unreachable=self._unreachable,
            queue_of=self._queue_of,
            type_of=lambda id: type_of_entry(self._site, id),
            activity_queue=self._activity_queue,
            vm=vm or machine_vm(self._site.runtime, self.max_memory),
            log_in_replay=info.queue in self.log_in_replay,
            trace=trace,
            line=self._line,
        )

    def send(self, workflow_id: str, queue: str, pid: str, topic: str, payloads: list[Payload]) -> None:
        """A message of a workflow, whose run is in `queue`, to a process."""
        host = self.queues.get(queue)
        sender = host.pid(workflow_id) if host is not None else ""
        self._site.runtime.router.dispatch(["send", pid, 0, 0, topic, sender, "", codec.pack(plain_values(payloads))])

    def _line(self, place: str) -> str:
        """A line of an entry, such as `app:flow:12`, with its file if the code is in one of its own."""
        id, _, number = place.rpartition(":")
        entry = self._site.registry.peek(id)
        file = entry.file_of("source") if entry is not None else None
        return f"{file}:{number} ({id})" if file else place

    def _queue_of(self, host: str) -> str:
        worker = self._site.workflow_hosts.get(host)
        return worker.queue if worker is not None else host

    def _activity_queue(self, id: str) -> str:
        """The queue to which an activity is tied, "" for none."""
        worker = tied(self._site, id, "activity")
        host = self._site.workflow_hosts.get(worker) if worker else None
        return host.queue if host is not None else ""

    def _unreachable(self, pid: str) -> str | None:
        node, _, rest = pid[1:].partition("@")
        host = rest.partition("|")[0]
        router = self._site.runtime.router
        if node in router.peers:
            return None
        if node != router.node:
            return "node not found"
        if host in router.hosts or "#lua." in host:
            return None
        return f"host not found: {host}"


class ReplayNode(WorkflowNode):
    """Runs histories again without a provider: nothing is carried out."""

    def __init__(self, site: Site) -> None:
        super().__init__(site, "replay")

    def engine(self) -> None:
        return None

    def machine(self, info: RunInfo, vm: MachineVM | None = None, *, trace: bool | str = False) -> LuaMachine:
        """A machine for a run of any queue. Raises Blocked for a type that no entry serves."""
        host = next((one for one in self._site.workflow_hosts.values() if one.queue == info.queue), None)
        self.id = host.node if host is not None else "replay"
        self.queues = {info.queue: host or _NoHost(info.queue)}  # type: ignore[dict-item]
        return super().machine(info, vm, trace=trace)


class _NoHost:
    """Stands for the worker of a queue that no entry serves."""

    def __init__(self, queue: str) -> None:
        self.id = queue
        self.queue = queue


def _temporal(entry: Entry | None, what: str) -> dict[str, Any]:
    """`meta.temporal.<what>` of an entry."""
    temporal = entry.meta.get("temporal") if entry is not None else None
    found = temporal.get(what) if isinstance(temporal, dict) else None
    return found if isinstance(found, dict) else {}


def _named_worker(entry: Entry | None, what: str) -> str:
    """The worker that an entry names, "" for none."""
    worker = _temporal(entry, what).get("worker")
    return qualified(worker, entry) if entry is not None and isinstance(worker, str) and worker else ""


def tied(site: Site, id: str, what: str) -> str:
    """The worker that an entry names, if it is there."""
    worker = _named_worker(site.registry.peek(id), what)
    return worker if worker in site.workflow_hosts else ""


def tell_unknown_workers(site: Site, entry: Entry) -> None:
    """Logs what an entry is tied to in vain; it is served by any worker then."""
    for what in ("workflow", "activity"):
        worker = _named_worker(entry, what)
        if worker and worker not in site.workflow_hosts:
            fields = {"entry": str(entry.id), "worker": worker, "key": f"meta.temporal.{what}.worker"}
            site.log.named("workflows").error("unknown workflow worker: every worker serves the entry", fields)


def entry_of_type(site: Site, type: str, worker: str = "") -> str | None:
    """The workflow entry that serves a type: one with that custom name, or the one of that ID.

    Args:
        worker: who asks; an entry that is tied to another one is none.
    """
    found = None
    for id in site.runtime.code.ids("workflow."):
        if type_of_entry(site, id) == type:
            found = id
            break
    else:
        code = site.runtime.code.get(type)
        found = type if code is not None and code.kind.startswith("workflow.") else None
    if found is not None and worker and tied(site, found, "workflow") not in ("", worker):
        return None
    return found


def type_of_entry(site: Site, id: str) -> str:
    """The workflow type under which an entry is started."""
    name = _temporal(site.registry.peek(id), "workflow").get("name")
    return name if isinstance(name, str) and name else id
