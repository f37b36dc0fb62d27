"""Entries that the tests of the promises share."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Lines = dict[str, Any]

RUNNING = {"auto_start": True}
WORKFLOWS: list[Lines] = [
    {"name": "history", "kind": "workflow.provider.sqlite", "path": "workflows.db", "lifecycle": RUNNING},
    {"name": "workflows", "kind": "workflow.worker", "provider": "history", "task_queue": "main", "lifecycle": RUNNING},
]
WORKER = "app:workflows"


def eventually(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    """The first value of `condition` that is true; an AssertionError if there is none for so long."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.005)
    return found


def start(app: Any, entry: str, *args: Any, id: str) -> str:
    """Starts a workflow with this ID; its PID."""
    from wippy.kernel import codec

    options = codec.pack([{"options": {"workflow.id": id}}])[1:]
    future = app.app.runtime.router.request("spawn", WORKER, entry, b"", options, codec.pack(list(args)))
    return future.result(20)[0]


def engine(app: Any) -> Any:
    """The workflow engine of an application."""
    return app.app.site.workflow_hosts[WORKER]._provider()


def history(app: Any, id: str) -> list[Any]:
    """The events of a workflow's newest run."""
    return engine(app).history(id).result(20)


def count(app: Any, id: str, kind: type[Any]) -> int:
    """How many events of a kind a run has."""
    return sum(1 for event in history(app, id) if isinstance(event, kind))


def closed(app: Any, id: str) -> bool:
    """Whether a run has ended."""
    return engine(app).describe(id).result(20).status.name != "RUNNING"


def ledger_function(folder: Path) -> list[Lines]:
    """`app:note(word)` appends a word to a file and gives it back; `words` reads the file."""
    return [
        {"name": "files", "kind": "fs.directory", "directory": str(folder / "files"), "auto_init": True},
        {
            "name": "note",
            "kind": "function.lua",
            "method": "main",
            "modules": ["fs"],
            "source": """
                local fs = require("fs")
                return function(word)
                  local home = fs.get("app:files")
                  local text = home:exists("ledger") and home:readfile("ledger") or ""
                  home:writefile("ledger", text .. word .. "\\n")
                  return word
                end
                """,
        },
    ]


def words(folder: Path) -> list[str]:
    """What `app:note` has been called with."""
    path = folder / "files" / "ledger"
    return path.read_text().split() if path.exists() else []
