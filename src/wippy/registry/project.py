"""A project on disk: which folders it loads and the entries they declare."""

from __future__ import annotations

import os
from typing import Any

import msgspec

from ..errors import NOT_FOUND, WippyError
from . import lock as lock_file
from .disable import Disable
from .entry import Entry
from .file_cache import FileCache
from .folder import read_folder
from .lock import Lock, Replacement, read_lock
from .notice import Notice, raise_problems
from .yaml_file import load_mapping, shown_path

NEW = "`wippy init` makes an application in this folder"


class LoadRoot(msgspec.Struct, frozen=True):
    """A folder that is loaded.

    Args:
        path: absolute path of the folder that is scanned.
        module: `org/module`, None for the application itself.
        version: of the module, None where it is not known.
        module_root: absolute path of the module's folder.
    """

    path: str
    module: str | None = None
    version: str | None = None
    module_root: str | None = None


class LoadedProject(msgspec.Struct, frozen=True):
    """What the files of a project say.

    Args:
        folder: absolute path of the project.
        entries: in load order, ids may occur several times.
        notices: for the log.
        module_roots: folder of each loaded module by its `org/module`.
        lock: the lock file, None where there is none.
        roots: absolute paths of the folders that were looked through.
    """

    folder: str
    entries: list[Entry]
    notices: list[Notice]
    module_roots: dict[str, str]
    lock: Lock | None
    roots: tuple[str, ...] = ()


def load_project(
    folder: str = ".",
    *,
    lock_path: str | None = None,
    replacements: dict[str, str | None] | None = None,
    cache: FileCache | None = None,
) -> LoadedProject:
    """Reads all definition files of a project.

    Args:
        folder: the working directory.
        lock_path: lock file instead of `wippy.lock`; it must exist then.
        replacements: `org/module` to absolute path, which stand before those of the lock file; None removes one.
        cache: what was read before; only files that have changed are read again.

    Raises:
        SourceError, Problems: every mistake of every file.
        WippyError: a module is found nowhere.
    """
    folder = os.path.abspath(folder)
    path = os.path.join(folder, lock_path or lock_file.FILE)
    notices: list[Notice] = []
    lock: Lock | None = None
    if lock_path is not None or os.path.exists(path):
        lock = read_lock(path, project=folder)
        roots = load_roots(_replaced(lock, replacements or {}), project=folder)
    elif os.path.isdir(os.path.join(folder, "src")):
        notices.append(Notice("info", "no lock file found, using ./src"))
        lock_less = _replaced(Lock(path, src="./src"), replacements or {})
        roots = load_roots(lock_less, project=folder)
    else:
        notices.append(Notice("info", "no lock file found, starting with empty registry", {"hint": NEW}))
        roots = []
    entries: list[Entry] = []
    errors: list[WippyError] = []
    others = {root.path for root in roots}
    if lock is not None:
        others.add(lock.vendor_dir)
    for root in roots:
        entries.extend(_read_root(root, folder, others - {root.path}, notices, errors, cache))
    raise_problems(errors)
    module_roots = {root.module: root.module_root for root in roots if root.module and root.module_root}
    return LoadedProject(folder, entries, notices, module_roots, lock, tuple(root.path for root in roots))


def _replaced(lock: Lock, replacements: dict[str, str | None]) -> Lock:
    if not replacements:
        return lock
    kept = [item for item in lock.replacements if item.origin not in replacements]
    added = [Replacement(origin, to) for origin, to in replacements.items() if to is not None]
    return msgspec.structs.replace(lock, replacements=(*kept, *added))


def load_roots(lock: Lock, *, project: str) -> list[LoadRoot]:
    """The folders to load, in order: the source, replacements, modules that are not replaced.

    Raises:
        Problems, WippyError: NOT_FOUND, modules that are found nowhere.
    """
    roots = [LoadRoot(lock.src_dir)]
    for replacement in lock.replacements:
        base = lock.resolve(replacement.to)
        inner = os.path.join(base, "src")
        roots.append(LoadRoot(inner if os.path.isdir(inner) else base, replacement.origin, None, base))
    replaced = {replacement.origin for replacement in lock.replacements}
    missing: list[WippyError] = []
    for module in lock.modules:
        if module.name in replaced:
            continue
        versioned = f"{module.name}-{module.version}"
        candidates = [os.path.join(lock.vendor_dir, *name.split("/")) for name in (module.name, versioned)]
        if os.path.isdir(candidates[0]):
            found = candidates[0]
        elif os.path.exists(f"{candidates[1]}.wapp"):
            missing.append(
                WippyError(
                    NOT_FOUND,
                    f"module {module.name} is vendored as {shown_path(candidates[1], project)}.wapp, which this build "
                    "cannot read; unpack it to a folder of the same name",
                )
            )
            continue
        elif os.path.isdir(candidates[1]):
            found = candidates[1]
        else:
            missing.append(
                WippyError(
                    NOT_FOUND,
                    f"module not found: {module.name} {module.version}; put a vendored folder at "
                    f"{shown_path(candidates[0], project)} or add a replacement to wippy.lock "
                    f"(replacements: [{{from: {module.name}, to: PATH}}])",
                )
            )
            continue
        roots.append(LoadRoot(found, module.name, module.version, found))
    raise_problems(missing)
    return roots


def _read_root(
    root: LoadRoot,
    project: str,
    others: set[str],
    notices: list[Notice],
    errors: list[WippyError],
    cache: FileCache | None,
) -> list[Entry]:
    shown = shown_path(root.path, project)
    if not os.path.exists(root.path):
        notices.append(Notice("warn", "path not found, skipping", {"path": shown}))
        return []
    if not os.path.isdir(root.path):
        notices.append(Notice("warn", "path is not a folder, skipping", {"path": shown}))
        return []
    entries = read_folder(root.path, project=project, errors=errors, without=others, cache=cache)
    if root.module is None:
        return entries
    excluded = _excluded(root, project, errors)
    stamp: dict[str, Any] = {"module": root.module}
    if root.version is not None:
        stamp["module_version"] = root.version
    return [entry.with_(meta={**entry.meta, **stamp}) for entry in entries if not excluded.hits(entry)]


def _excluded(root: LoadRoot, project: str, errors: list[WippyError]) -> Disable:
    path = os.path.join(root.module_root or root.path, "wippy.yaml")
    if not os.path.isfile(path):
        return Disable()
    try:
        values, _ = load_mapping(path, file=shown_path(path, project))
        patterns = values.get("exclude")
        entries = [item for item in patterns if isinstance(item, str) and ":" in item] if patterns else []
        meta = values.get("exclude_meta")
        return Disable(entries=entries, meta=meta if isinstance(meta, dict) else None)
    except WippyError as error:
        errors.append(error)
        return Disable()
