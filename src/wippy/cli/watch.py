"""`wippy run --watch`: takes changed files into the running application."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..errors import WippyError
from ..modules.extras import optional
from .failure import show

if TYPE_CHECKING:
    from ..app import App
    from ..registry.config import Config
    from ..registry.entry import ID
    from ..registry.file_cache import FileCache
    from ..registry.project import LoadedProject
    from ..registry.reload import Reloaded

QUIET = 50
"""Milliseconds without a change after which what has changed is read: a save is often several steps."""
LONGEST = 1000
"""Milliseconds after which it is read though changes still come."""
GONE = 0.2
"""Seconds in which a file that is gone may come back: many editors save by replacing it."""
SKIPPED = frozenset((".git", ".hg", ".svn", ".wippy", ".idea", ".venv", "node_modules", "__pycache__"))
SHOWN = 5


class Watch:
    """Watches the folders of a project and reloads what changes.

    Args:
        config: of the application.
        cache: the files as they were read at the start.

    Raises:
        WippyError: UNAVAILABLE, the package that watches files is not installed.
    """

    def __init__(self, config: Config, cache: FileCache) -> None:
        self._config = config
        self._cache = cache
        self._failed = ""
        self._watchfiles = optional("watchfiles", "watch", "wippy run --watch")

    async def run(self, app: App) -> None:
        """Until it is cancelled."""
        project: LoadedProject = app.project
        while True:
            folders = [root for root in project.roots if os.path.isdir(root)]
            outside = [path for path in self._settings(project) if os.path.isfile(path)]
            if not folders:
                say("nothing to watch: there is no folder with definition files")
                return
            first = True
            async for changes in self._watchfiles.awatch(
                *folders,
                *outside,
                watch_filter=lambda _, path, folders=folders: not _skipped(path, folders),
                debounce=LONGEST,
                step=QUIET,
                rust_timeout=QUIET * 4,
                yield_on_timeout=True,
                ignore_permission_denied=True,
            ):
                paths = {path for _, path in changes}
                if not (first or self._matter(paths)):
                    continue
                await self._told_apart(app, paths & set(outside))
                await self._reload(app)
                if first:
                    first = False
                    say(f"watching {', '.join(shown(folder, project) for folder in folders)}")
                if app.project.roots != project.roots:
                    project = app.project
                    break

    def _settings(self, project: LoadedProject) -> list[str]:
        return [os.path.join(project.folder, ".wippy.yaml"), os.path.join(project.folder, "wippy.lock")]

    async def _told_apart(self, app: App, settings: Iterable[str]) -> None:
        for path in settings:
            if path.endswith(".wippy.yaml"):
                say(f"{shown(path, app.project)} has changed: it counts when the application is started again")

    def _matter(self, paths: set[str]) -> bool:
        """Whether entries may differ; with a mistake unresolved any change may be the way out."""
        from ..registry.folder import ENDINGS

        known = self._cache.files
        return bool(paths) and (
            bool(self._failed)
            or any(path in known or path.endswith((*ENDINGS, ".lock")) or not os.path.isfile(path) for path in paths)
        )

    async def _reload(self, app: App) -> None:
        began = time.monotonic()
        loop = asyncio.get_running_loop()
        try:
            for _ in range(2):
                if not await loop.run_in_executor(None, self._cache.missing):
                    break
                await asyncio.sleep(GONE / 2)
            project = await loop.run_in_executor(None, self._load)
            outcome = await app.reload(project)
        except WippyError as error:
            if error.message == self._failed:
                say("not reloaded: the mistake is still there")
                return
            self._failed = error.message
            show(error)
            say("not reloaded: everything runs as before")
            return
        self._cache.forget_missing()
        if self._failed or outcome:
            self._failed = ""
            say(told(outcome, time.monotonic() - began))

    def _load(self) -> LoadedProject:
        from ..registry.project import load_project

        return load_project(replacements=self._config.replacements(), cache=self._cache)


def _skipped(path: str, folders: list[str]) -> bool:
    """Whether a path lies in a folder in which no definition files are."""
    for folder in folders:
        if path.startswith(os.path.join(folder, "")):
            return not SKIPPED.isdisjoint(os.path.relpath(path, folder).split(os.sep))
    return False


def told(outcome: Reloaded, seconds: float) -> str:
    """One line about a reload."""
    parts = [
        f"{verb} {names(ids)}"
        for verb, ids in (("reloaded", outcome.updated), ("added", outcome.created), ("removed", outcome.deleted))
        if ids
    ]
    processes = "1 process" if outcome.told == 1 else f"{outcome.told} processes"
    return f"{'; '.join(parts) or 'nothing has changed'}, {processes} told, {seconds * 1000:.0f} ms"


def names(ids: list[ID]) -> str:
    """The first few, and how many more there are."""
    text = ", ".join(map(str, ids[:SHOWN]))
    return f"{text} and {len(ids) - SHOWN} more" if len(ids) > SHOWN else text


def shown(path: str, project: Any) -> str:
    """A path as the user knows it."""
    return os.path.relpath(path, project.folder)


def say(text: str) -> None:
    """One line on stderr, beside the log and the output of a program."""
    print(text, file=sys.stderr, flush=True)
