"""The way to the workflows of this folder: the running application, or the provider alone."""

from __future__ import annotations

import asyncio
from typing import Any

from ..errors import NOT_FOUND, WippyError
from .arguments import Arguments


def ask(arguments: Arguments, request: dict[str, Any]) -> Any:
    """The answer of the running application, or of its provider where none runs.

    Raises:
        WippyError: the answer's own; UNAVAILABLE when the application ends meanwhile.
    """
    from .running import connect

    try:
        running = connect(arguments)
    except WippyError as error:
        if error.kind != NOT_FOUND or arguments.text("app"):
            raise
        return ask_alone(arguments, request)
    with running:
        return running.ask("workflow", **request)


def ask_alone(arguments: Arguments, request: dict[str, Any], providers: bool = True) -> Any:
    """The answer of the application's workflow desk, without anything else of it running.

    Args:
        providers: whether the providers run; without them only code can be looked at.

    Raises:
        WippyError, Problems: mistakes in the project, or the answer's own.
    """
    from ..app import App
    from ..observe.log import Log
    from ..registry.project import load_project
    from ..services.workflow_desk import WorkflowDesk
    from .settings import load_config

    config = load_config(arguments)
    project = load_project(replacements=config.replacements())
    if not providers:
        project.entries[:] = [entry for entry in project.entries if not entry.kind.startswith("temporal.")]

    async def main() -> Any:
        app = App(project, config, Log.open(silent=True))
        try:
            await app.load()
            if providers:
                await app.supervisor.start(*app.workflow_providers())
            return await asyncio.to_thread(WorkflowDesk(app.site), request)
        finally:
            await app.stop()

    return asyncio.run(main())
