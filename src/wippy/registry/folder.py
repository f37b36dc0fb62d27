"""A load root: finds its definition files and reads their entries, `file://` texts included."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Collection, Iterator

from ..errors import INVALID, NOT_FOUND, SourceError, WippyError
from .definition import read_entries
from .entry import Entry
from .file_cache import FileCache, Stamp, stamp_of
from .yaml_file import Builder, parse, shown_path

ENDINGS = (".yaml", ".yml", ".json")
SCHEME = "file://"
EMPTIED = "it had content before: save it again, or delete it"

SKIP_SWITCHES = {
    "SKIP_TEMPORAL_TESTS": ("_temporal", "temporal"),
    "SKIP_CLOUDSTORAGE_TESTS": ("cloudstorage",),
    "SKIP_SQS_TESTS": ("sqs",),
    "SKIP_NETWORK_TESTS": ("network",),
}

_TOP_LEVEL = re.compile(r"^[\"']?namespace[\"']?\s*:|^\s*\{", re.MULTILINE)


def skipped_names() -> set[str]:
    """Names of folders that are not looked into, environment switches included."""
    names = {"node_modules", *filter(None, os.environ.get("SKIP_TEST_DIRS", "").split(","))}
    for variable, folders in SKIP_SWITCHES.items():
        if os.environ.get(variable):
            names.update(folders)
    return names


def walk(root: str, *, without: Collection[str] = ()) -> Iterator[str]:
    """Paths of candidate files below `root` in lexical order, files and folders interleaved by name.

    Args:
        root: folder.
        without: absolute paths of folders that are not looked into.

    Raises:
        OSError: a folder cannot be listed.
    """
    names = skipped_names()

    def inside(folder: str) -> Iterator[str]:
        with os.scandir(folder) as found:
            items = sorted(found, key=lambda item: item.name)
        for item in items:
            if item.is_dir(follow_symlinks=False):
                if item.name not in names and item.path not in without:
                    yield from inside(item.path)
            elif item.name.endswith(ENDINGS):
                yield item.path

    yield from inside(root)


def read_folder(
    root: str,
    *,
    project: str,
    errors: list[WippyError],
    without: Collection[str] = (),
    cache: FileCache | None = None,
) -> list[Entry]:
    """All entries below a load root, in the order of reading.

    Args:
        root: absolute path.
        project: absolute path of the project, to show shorter paths.
        errors: takes every mistake found; reading goes on.
        without: absolute paths of folders that are not looked into.
        cache: what was read before; files that are as they were are taken from there.
    """
    out: list[Entry] = []
    real = os.path.realpath(root)
    try:
        for path in walk(root, without=without):
            out.extend(read_file(path, root=root, project=project, errors=errors, real=real, cache=cache))
    except OSError as error:
        shown = shown_path(error.filename or root, project)
        errors.append(SourceError(f"cannot read folder: {error.strerror}", file=shown, hint="check its permissions"))
    return out


def read_file(
    path: str,
    *,
    root: str,
    project: str,
    errors: list[WippyError],
    real: str | None = None,
    cache: FileCache | None = None,
) -> list[Entry]:
    """The entries of one file; none for a file that defines nothing for us.

    Args:
        path: absolute path of the file.
        root: absolute path of its load root.
        project: absolute path of the project, to show shorter paths.
        errors: takes every mistake found.
        real: `root` without symbolic links, where it is known already.
        cache: what was read before; takes what is read now.
    """
    if cache is not None:
        known = cache.entries(path)
        if known is not None:
            return known
    stamps = {path: stamp_of(path)}
    shown = shown_path(path, project)
    try:
        with open(path, "rb") as handle:
            raw = handle.read()
    except OSError as error:
        if not os.path.exists(path):
            return []
        errors.append(SourceError(f"cannot read file: {error.strerror}", file=shown, hint="check its permissions"))
        return []
    if cache is not None and cache.emptied(path, raw):
        errors.append(SourceError("the file is empty", file=shown, hint=EMPTIED))
        return []

    def nothing() -> list[Entry]:
        if cache is not None:
            cache.keep(path, [], stamps)
        return []

    if b"namespace" not in raw:
        return nothing()
    text = raw.decode("utf-8-sig", "replace")
    ours = '"namespace"' in text if path.endswith(".json") else _TOP_LEVEL.search(text) is not None
    try:
        raw.decode("utf-8")
        document = parse(text, file=shown, path=path)
    except UnicodeDecodeError as error:
        if ours:
            line = raw[: error.start].count(b"\n") + 1
            errors.append(
                SourceError(
                    f"not valid UTF-8 (byte 0x{raw[error.start]:02x})", file=shown, line=line, hint="save it as UTF-8"
                )
            )
        return [] if ours else nothing()
    except SourceError as error:
        if ours:
            errors.append(error)
        return [] if ours else nothing()
    folder = os.path.dirname(path)
    real = real or os.path.realpath(root)

    def inserted(url: str) -> tuple[str, str]:
        return insert(url, folder=folder, root=root, project=project, real=real, stamps=stamps, cache=cache)

    builder = Builder(document, inserted)
    entries = read_entries(builder)
    errors.extend(builder.errors)
    if cache is not None and not builder.errors:
        cache.keep(path, entries, stamps)
    return entries


def insert(
    url: str,
    *,
    folder: str,
    root: str,
    project: str,
    real: str,
    stamps: dict[str, Stamp] | None = None,
    cache: FileCache | None = None,
) -> tuple[str, str]:
    """The text that a `file://` value stands for.

    Args:
        url: `file://x` relative to `folder`, `file:///x` relative to `root`.
        folder: of the definition file.
        root: the load root, which cannot be left.
        project: absolute path of the project.
        real: `root` without symbolic links.
        stamps: takes the stamp of the file.
        cache: what was read before.

    Returns:
        The text, and the path of its file as the user knows it.

    Raises:
        WippyError: with `details.hint`.
    """
    relative = url[len(SCHEME) :]
    if not relative.strip("/"):
        raise WippyError(INVALID, "empty file path in file:// URL", details={"hint": "write file://name of a file"})
    base = root if relative.startswith("/") else folder
    relative = relative.lstrip("/") if relative.startswith("/") else relative
    start = os.path.relpath(base, root)
    cleaned = posixpath.normpath(posixpath.join("" if start == "." else start, relative))
    if cleaned == ".." or cleaned.startswith("../") or "\0" in cleaned:
        raise WippyError(
            INVALID,
            f"path traversal detected in file path: {relative}",
            details={"hint": "the file must lie in the folder that is loaded"},
        )
    path = os.path.join(root, cleaned)
    shown = shown_path(path, project)
    if not os.path.realpath(path).startswith(os.path.join(real, "")):
        raise WippyError(
            INVALID,
            f"path traversal detected in file path: {relative}",
            details={"hint": "the file must lie in the folder that is loaded, also behind links"},
        )
    if stamps is not None:
        stamps[path] = stamp_of(path)
    try:
        with open(path, "rb") as handle:
            raw = handle.read()
        if cache is not None and cache.emptied(path, raw):
            raise WippyError(INVALID, f"{shown} is empty", details={"hint": EMPTIED})
        return raw.decode("utf-8"), shown
    except UnicodeDecodeError:
        raise WippyError(
            INVALID, f"failed to read file {shown}: not valid UTF-8", details={"hint": "only text can be inserted"}
        ) from None
    except OSError as error:
        raise WippyError(
            NOT_FOUND,
            f"failed to read file {shown}: {error.strerror or error}",
            details={"hint": "create the file or correct the path, which is relative to this definition file"},
        ) from None
