"""`wippy.lock`: which folders and modules are loaded."""

from __future__ import annotations

import os
from typing import Any

import msgspec
import yaml
from yaml.nodes import Node

from ..errors import INVALID, NOT_FOUND, WippyError
from .notice import raise_problems
from .source import find
from .yaml_file import Builder, load_mapping, shown_path

FILE = "wippy.lock"
SRC = "."
MODULES = ".wippy"


class LockedModule(msgspec.Struct, frozen=True):
    """A module of the hub at one version."""

    name: str
    version: str
    hash: str = ""
    local_hash: str = ""


class Replacement(msgspec.Struct, frozen=True):
    """A local folder that stands in for a module."""

    origin: str
    to: str


class Lock(msgspec.Struct, frozen=True):
    """The content of a lock file.

    Args:
        path: absolute path of the file; relative paths in it resolve against its folder.
        src: source root as written.
        modules_dir: base of vendored modules as written.
        modules: in file order.
        replacements: in file order.
        unpack_modules: keep modules as folders.
    """

    path: str
    src: str = SRC
    modules_dir: str = MODULES
    modules: tuple[LockedModule, ...] = ()
    replacements: tuple[Replacement, ...] = ()
    unpack_modules: bool = False

    def resolve(self, path: str) -> str:
        """Absolute form of a path written in this file."""
        return os.path.normpath(os.path.join(os.path.dirname(self.path), path))

    @property
    def src_dir(self) -> str:
        return self.resolve(self.src)

    @property
    def vendor_dir(self) -> str:
        base = self.resolve(self.modules_dir)
        return base if os.path.basename(base) == "vendor" else os.path.join(base, "vendor")


def is_module_name(name: Any) -> bool:
    """Whether it reads `org/module`, both parts non-empty."""
    parts = name.split("/") if isinstance(name, str) else []
    return len(parts) == 2 and all(part.strip() for part in parts)


def read_lock(path: str, *, project: str) -> Lock:
    """A lock file, validated.

    Raises:
        WippyError: NOT_FOUND `lock file not found`.
        SourceError, Problems: INVALID `invalid lock file: …`, all mistakes at once.
    """
    path = os.path.abspath(path)
    if not os.path.exists(path):
        raise WippyError(NOT_FOUND, f"lock file not found: {shown_path(path, project)}; {_advice(path)}")
    return _Reader(path, shown_path(path, project)).read()


def _advice(path: str) -> str:
    """The command that makes the missing lock file for the definition files that are there."""
    folder, name = os.path.split(path)
    command, why = "wippy init", "to make one"
    if not os.path.isdir(os.path.join(folder, "src")):
        found = _defining(folder)
        if found:
            command, why = f"wippy init --src-dir {found}", f"to make one for the entries in {found}"
    if name != FILE:
        command += f" --lock-file {name}"
    return f"run `{command}` {why}"


def _defining(folder: str) -> str | None:
    """The folder, or the only one in it, that holds a definition file."""
    try:
        inner = sorted(each.name for each in os.scandir(folder) if each.is_dir() and not each.name.startswith("."))
    except OSError:
        return None
    found = [each for each in (".", *inner) if _defines(os.path.join(folder, each))]
    return found[0] if found[:1] == ["."] or len(found) == 1 else None


def _defines(folder: str) -> bool:
    return any(os.path.exists(os.path.join(folder, name)) for name in ("_index.yaml", "_index.yml", "_index.json"))


class _Reader:
    def __init__(self, path: str, shown: str) -> None:
        self.path = path
        self.errors: list[WippyError] = []
        self.builder: Builder
        self.values, self.builder = load_mapping(path, file=shown)

    def read(self) -> Lock:
        directories = self.map_at("directories")
        options = self.map_at("options")
        src = self.text(directories, "src", SRC, "directories", "src")
        modules_dir = self.text(directories, "modules", MODULES, "directories", "modules")
        for key, value in (("src", src), ("modules", modules_dir)):
            if not value.strip():
                self.fail(f"directories.{key} is empty", "directories", key)
        lock = Lock(
            self.path,
            src,
            modules_dir,
            tuple(self.module(item, number) for number, item in enumerate(self.list_at("modules"))),
            tuple(self.replacement(item, number) for number, item in enumerate(self.list_at("replacements"))),
            options.get("unpack_modules") is True,
        )
        for number, replacement in enumerate(lock.replacements):
            if replacement.to and not os.path.exists(lock.resolve(replacement.to)):
                self.fail(
                    f'replacement path "{replacement.to}" does not exist',
                    "replacements",
                    number,
                    "to",
                    hint="paths are relative to the lock file",
                )
        raise_problems(self.errors)
        return lock

    def module(self, item: Any, number: int) -> LockedModule:
        item = item if isinstance(item, dict) else {}
        name, version = item.get("name"), item.get("version")
        if not is_module_name(name):
            self.fail(f'module name "{name or ""}" is not org/module', "modules", number, "name")
        if not isinstance(version, str) or not version.strip():
            self.fail(
                f"module {name}: version is required and must be text",
                "modules",
                number,
                "version",
                hint='write it in quotes: version: "1.0.0"',
            )
        return LockedModule(
            str(name or ""), str(version or ""), str(item.get("hash") or ""), str(item.get("local_hash") or "")
        )

    def replacement(self, item: Any, number: int) -> Replacement:
        item = item if isinstance(item, dict) else {}
        origin, to = item.get("from"), item.get("to")
        if not is_module_name(origin):
            self.fail(f'replacement from "{origin or ""}" is not org/module', "replacements", number, "from")
        if not isinstance(to, str) or not to.strip():
            self.fail(f"replacement of {origin}: to is required", "replacements", number, "to")
            to = ""
        return Replacement(str(origin or ""), to)

    def map_at(self, key: str) -> dict[Any, Any]:
        value = self.values.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.fail(f"{key} must be a mapping", key)
            return {}
        return value

    def list_at(self, key: str) -> list[Any]:
        value = self.values.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            self.fail(f"{key} must be a list", key)
            return []
        return value

    def text(self, values: dict[Any, Any], key: str, default: str, *path: str) -> str:
        if key not in values:
            return default
        value = values[key]
        if value is None:
            return ""
        if not isinstance(value, str):
            self.fail(f"{'.'.join(path)} must be text", *path)
            return default
        return value

    def fail(self, message: str, *path: str | int, hint: str | None = None) -> None:
        node: Node | None = self.builder.document.root
        for part in path:
            pair = find(node, part) if node is not None else None
            if pair is None:
                break
            node = pair[1]
        self.errors.append(self.builder.mistake(f"invalid lock file: {message}", node, hint=hint))


def write_lock(lock: Lock) -> None:
    """Writes the file (mode 0600): modules and replacements sorted, without doubles.

    Raises:
        WippyError: INVALID when the file cannot be written.
    """
    content: dict[str, Any] = {"directories": {"src": lock.src, "modules": lock.modules_dir}}
    modules = {f"{module.name}@{module.version}": module for module in lock.modules}
    if modules:
        content["modules"] = [
            {
                key: value
                for key, value in (
                    ("name", module.name),
                    ("version", module.version),
                    ("hash", module.hash),
                    ("local_hash", module.local_hash),
                )
                if value
            }
            for module in sorted(modules.values(), key=lambda module: (module.name, module.version))
        ]
    replacements = {replacement.origin: replacement for replacement in lock.replacements}
    if replacements:
        content["replacements"] = [
            {"from": origin, "to": replacement.to} for origin, replacement in sorted(replacements.items())
        ]
    if lock.unpack_modules:
        content["options"] = {"unpack_modules": True}
    temporary = f"{lock.path}.tmp"
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as handle:
            yaml.safe_dump(content, handle, sort_keys=False, allow_unicode=True)
        os.replace(temporary, lock.path)
    except OSError as error:
        raise WippyError(INVALID, f"cannot write {lock.path}: {error.strerror}") from None
