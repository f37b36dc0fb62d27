"""Entries of the project for commands that only look at them."""

from __future__ import annotations

from ..registry.entry import Entry
from ..registry.lock import FILE
from ..registry.pipeline import run_pipeline
from ..registry.project import load_project
from .arguments import Arguments
from .settings import load_config


def load_entries(arguments: Arguments) -> list[Entry]:
    """The entries as the registry would hold them, without overrides, by ID.

    Raises:
        WippyError: NOT_FOUND, no lock file.
        SourceError, Problems: mistakes in files.
    """
    config = load_config(arguments)
    path = arguments.text("lock-file") or FILE
    project = load_project(lock_path=path, replacements=config.replacements())
    entries, _ = run_pipeline(project.entries, disable=config.disable())
    return sorted(entries, key=lambda entry: entry.id)
