"""Looks at the workflows of an application and acts on them, for the command line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from wippy.errors import INVALID, NOT_FOUND, UNAVAILABLE, WippyError
from wippy.services.site import Site
from wippy.services.workflow_node import ReplayNode
from wippy.workflows.history_export import to_json
from wippy.workflows.history_import import from_json
from wippy.workflows.machine_api import Blocked
from wippy.workflows.provider import Description, Provider, Status
from wippy.workflows.replay import Recorded, recorded
from wippy.workflows.timeline import event_text, failure_text, timeline
from wippy.workflows.values import payloads_of

WAIT = 30.0
"""Seconds to wait for a provider."""

Data = dict[str, Any]


class WorkflowDesk:
    """Answers requests with plain data. May be called from any thread but the event loop's.

    Args:
        site: of an application whose providers run.
    """

    def __init__(self, site: Site) -> None:
        self._site = site

    def __call__(self, request: Data) -> Any:
        """Answers one request: `op` and its values.

        Raises:
            WippyError: INVALID for an unknown request, NOT_FOUND, UNAVAILABLE, or the provider's own.
        """
        known: dict[Any, Callable[[Data], Any]] = {
            "list": self._list,
            "show": self._show,
            "history": self._history,
            "export": self._export,
            "replay": self._replay,
            "import": self._import,
            "store": self._store,
            "signal": self._signal,
            "cancel": self._cancel,
            "terminate": self._terminate,
            "retry": self._retry,
            "query": self._query,
        }
        act = known.get(request.get("op"))
        if act is None:
            raise WippyError(INVALID, f"unknown request {request.get('op')!r}; known: {', '.join(known)}")
        try:
            return act(request)
        except TimeoutError:
            raise WippyError(UNAVAILABLE, f"the workflow provider did not answer within {WAIT:g} s") from None

    # Which provider

    def _providers(self, request: Data) -> list[tuple[str, Provider]]:
        wanted = request.get("provider")
        nodes = {id: node for id, node in self._site.workflow_nodes.items() if not wanted or id == wanted}
        if not nodes:
            known = ", ".join(self._site.workflow_nodes) or "none"
            text = (
                f"workflow provider not found: {wanted} (there is: {known})"
                if wanted
                else (
                    "this application has no workflow provider: add a workflow.provider.sqlite or temporal.client entry"
                )
            )
            raise WippyError(NOT_FOUND, text)
        found = [(id, node.engine()) for id, node in nodes.items()]
        running = [(id, provider) for id, provider in found if provider is not None]
        if not running:
            problems = "; ".join(node.problem for node in nodes.values() if node.problem)
            raise WippyError(UNAVAILABLE, problems or f"the workflow provider {', '.join(nodes)} does not run")
        return running

    def _of(self, request: Data) -> tuple[str, Provider, str, str | None]:
        """The provider that has a workflow, its ID and run."""
        id, run = request.get("id"), request.get("run") or None
        if not isinstance(id, str) or not id:
            raise WippyError(INVALID, "a workflow ID is required")
        if id.startswith("{") and id.endswith("}"):  # a PID
            id = id[1:-1].partition("|")[2]
        missing: WippyError | None = None
        for node, provider in self._providers(request):
            try:
                provider.describe(id, run).result(WAIT)
                return node, provider, id, run
            except WippyError as error:
                missing = error
        assert missing is not None
        raise WippyError(NOT_FOUND if "not found" in missing.message else missing.kind, missing.message)

    # Looking

    def _list(self, request: Data) -> list[Data]:
        limit = int(request.get("limit") or 0)
        rows = []
        for node, provider in self._providers(request):
            found = provider.find(str(request.get("query") or ""), limit).result(WAIT)
            rows += [_plain(one, node) for one in found]
        rows.sort(key=lambda row: row["started_at"] or "", reverse=True)
        return rows[:limit] if limit else rows

    def _show(self, request: Data) -> Data:
        node, provider, id, run = self._of(request)
        found = provider.describe(id, run).result(WAIT)
        outcome = ""
        if found.status is not Status.RUNNING:
            outcome = event_text(provider.history(id, found.run_id).result(WAIT)[-1])
        return {**_plain(found, node), "outcome": outcome, "can_retry": getattr(provider, "retries_open", True)}

    def _history(self, request: Data) -> list[Data]:
        _, provider, id, run = self._of(request)
        history = provider.history(id, run).result(WAIT)
        places: dict[tuple[str, ...], str] = {}
        if request.get("lines", True):
            found = self._replayed(history)
            places = found.places
        return [
            {
                "event": line.n,
                "at": _time(line.time_ns),
                "after": line.after,
                "what": line.what,
                "text": line.text,
                "place": line.place,
            }
            for line in timeline(history, places)
        ]

    def _export(self, request: Data) -> Data:
        _, provider, id, run = self._of(request)
        exported = getattr(provider, "exported", None)
        return exported(id, run).result(WAIT) if exported else to_json(provider.history(id, run).result(WAIT))

    def _query(self, request: Data) -> Any:
        _, provider, id, run = self._of(request)
        return provider.query(id, run, str(request.get("name") or "stack")).result(WAIT)

    # Replay

    def _replayed(self, history: list[Any]) -> Recorded:
        node = ReplayNode(self._site)
        return recorded(history, lambda info: node.machine(info, trace=True))

    def _replay(self, request: Data) -> Data:
        """Whether today's code still asks for what a history says."""
        history = from_json(request.get("history"))
        start = history[0]
        told: Data = {"type": start.type, "workflow_id": start.workflow_id, "events": history[-1].n}
        try:
            found = self._replayed(history)
        except Blocked as error:
            return {**told, "fits": False, "tasks": 0, "reason": str(error)}
        return {
            **told,
            "fits": found.problem is None,
            "tasks": found.tasks,
            "reason": found.problem or "",
        }

    def _import(self, request: Data) -> Data:
        """Puts a history into the embedded provider."""
        history = from_json(request.get("history"))
        for _, provider in self._providers(request):
            adopt = getattr(provider, "adopt", None)
            if adopt is not None:
                started = adopt(history, str(request.get("id") or "")).result(WAIT)
                found = provider.describe(started.workflow_id, started.run_id).result(WAIT)
                return {
                    "workflow_id": started.workflow_id,
                    "run_id": started.run_id,
                    "events": found.history_length,
                    "status": found.status.name.lower(),
                }
        raise WippyError(INVALID, "histories can be imported into a workflow.provider.sqlite only")

    def _store(self, request: Data) -> Data:
        """The file of the embedded provider."""
        found = [(node, path) for node, one in self._providers(request) if (path := getattr(one, "path", None))]
        if not found:
            raise WippyError(INVALID, "only a workflow.provider.sqlite has a file; a Temporal server has its own means")
        if len(found) > 1:
            names = ", ".join(node for node, _ in found)
            raise WippyError(INVALID, f"there are several providers ({names}): choose one with --provider")
        return {"provider": found[0][0], "path": str(found[0][1])}

    # Acting

    def _signal(self, request: Data) -> Data:
        _, provider, id, run = self._of(request)
        name = request.get("name")
        if not isinstance(name, str) or not name or name.startswith("@"):
            raise WippyError(INVALID, "a signal needs a topic, which does not begin with @")
        values = request.get("values")
        provider.signal(id, run, name, payloads_of(values if isinstance(values, list) else []), "").result(WAIT)
        return {"workflow_id": id}

    def _cancel(self, request: Data) -> Data:
        _, provider, id, run = self._of(request)
        provider.cancel(id, run, str(request.get("reason") or "")).result(WAIT)
        return {"workflow_id": id}

    def _terminate(self, request: Data) -> Data:
        _, provider, id, run = self._of(request)
        provider.terminate(id, run, str(request.get("reason") or "")).result(WAIT)
        return {"workflow_id": id}

    def _retry(self, request: Data) -> Data:
        _, provider, id, run = self._of(request)
        started = provider.retry(id, run).result(WAIT)
        return {"workflow_id": started.workflow_id, "run_id": started.run_id, "new": started.created}


def _time(nanoseconds: int) -> str | None:
    if not nanoseconds:
        return None
    moment = datetime.fromtimestamp(nanoseconds / 1e9, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(found: Description, node: str) -> Data:
    return {
        "workflow_id": found.workflow_id,
        "run_id": found.run_id,
        "type": found.type,
        "status": found.status.name.lower(),
        "blocked": found.blocked,
        "queue": found.queue,
        "provider": node,
        "attempt": found.attempt,
        "started_at": _time(found.started_ns),
        "closed_at": _time(found.closed_ns),
        "history_length": found.history_length,
        "history_size": found.history_size,
        "memo": found.memo,
        "search_attributes": found.search_attributes,
        "next_run_id": found.next_run_id,
        "activities": [
            {
                "id": one.id,
                "type": one.type,
                "attempt": one.attempt,
                "running": one.running,
                "next_attempt_at": _time(one.due_ns),
                "last_failure": failure_text(one.last_failure) if one.last_failure is not None else "",
            }
            for one in found.activities
        ],
    }
