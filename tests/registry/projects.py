"""Small projects on disk."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from wippy.registry.project import LoadedProject, load_project


def write(folder: Path, files: dict[str, str]) -> Path:
    """Writes files, given by relative path; text is dedented."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
    return folder


def load(folder: Path, files: dict[str, str]) -> LoadedProject:
    """Writes files and loads the project."""
    return load_project(str(write(folder, files)))


def one(folder: Path, text: str):
    """The data of the only entry of `src/_index.yaml`."""
    (entry,) = load(folder, {"src/_index.yaml": text}).entries
    return entry
