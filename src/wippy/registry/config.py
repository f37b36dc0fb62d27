"""Runtime configuration: `.wippy.yaml`, flags and `--set`, addressed by dotted leaf keys."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Any, TypeVar, cast

from ..duration import parse_duration
from ..errors import INVALID, SourceError, WippyError
from .disable import Disable
from .source import find
from .yaml_file import load_mapping, shown_path

FILE = ".wippy.yaml"
VERSION = "1.0"

T = TypeVar("T")

_INTEGER = re.compile(r"[-+]?[0-9]+\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")


def coerce(text: str) -> Any:
    """The value of a `--set`: `true`, `false`, an integer, a float, else the text (durations too)."""
    if text in ("true", "false"):
        return text == "true"
    if _INTEGER.match(text) and -(2**63) <= int(text) < 2**63:
        return int(text)
    return float(text) if _FLOAT.match(text) else text


def parse_set(text: str) -> tuple[str, Any]:
    """The key and value of a `--set section.path=value`.

    Raises:
        WippyError: INVALID, bad form.
    """
    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals or not key:
        raise WippyError(INVALID, f'invalid --set "{text}": expected section.path=value')
    if "." not in key or not all(key.split(".", 1)):
        raise WippyError(INVALID, f'invalid --set "{text}": key must be section.path (e.g. cluster.enabled)')
    return key, coerce(value)


class Config:
    """Leaf values by dotted key, with later layers laid over earlier ones leaf by leaf.

    Args:
        values: nested maps.
        folder: absolute folder that relative paths of the configuration resolve against.
    """

    def __init__(self, values: dict[Any, Any] | None = None, *, folder: str = ".") -> None:
        self.folder = os.path.abspath(folder)
        self._leaves: dict[str, Any] = {}
        self.merge(values or {})

    @classmethod
    def load(
        cls,
        folder: str = ".",
        *,
        file: str | None = None,
        flags: dict[str, Any] | None = None,
        sets: Iterable[str] = (),
    ) -> Config:
        """The configuration of a project.

        Args:
            folder: the working directory.
            file: instead of `.wippy.yaml`; a missing file means all defaults in both cases.
            flags: leaves that global command-line flags set.
            sets: `section.path=value`, the strongest.

        Raises:
            SourceError, Problems, WippyError: INVALID.
        """
        path = os.path.abspath(os.path.join(folder, file or FILE))
        config = cls(folder=os.path.dirname(path))
        if os.path.exists(path):
            config.merge(_read(path, shown_path(path, os.path.abspath(folder))))
        for key, value in (flags or {}).items():
            config.set(key, value)
        for text in sets:
            config.set(*parse_set(text))
        return config

    def merge(self, values: dict[Any, Any]) -> None:
        """Lays nested maps over what is there; lists and empty maps are leaves."""
        for key, value in values.items():
            self._merge(str(key), value)

    def _merge(self, key: str, value: Any) -> None:
        if isinstance(value, dict) and value:
            for name, item in value.items():
                self._merge(f"{key}.{name}", item)
        else:
            self.set(key, value)

    def set(self, key: str, value: Any) -> None:
        """Sets one leaf; what stood above or below it is gone."""
        parts = key.split(".")
        for length in range(1, len(parts)):
            self._leaves.pop(".".join(parts[:length]), None)
        below = f"{key}."
        for other in [other for other in self._leaves if other.startswith(below)]:
            del self._leaves[other]
        self._leaves[key] = value

    def get(self, key: str, default: T) -> T:
        """The leaf, or `default` where it is absent or of another type than `default`.

        An integer passes for a float; with the default None any value passes.
        """
        value = self._leaves.get(key)
        if value is None:
            return default
        if default is None or type(value) is type(default):
            return cast(T, value)
        if isinstance(default, float) and type(value) is int:
            return cast(T, float(value))
        return default

    def duration(self, key: str, default: int) -> int:
        """A duration in nanoseconds; `default` where it is absent or no duration text."""
        value = self._leaves.get(key)
        if not isinstance(value, str):
            return default
        try:
            return parse_duration(value)
        except WippyError:
            return default

    def section(self, key: str) -> dict[str, Any]:
        """All leaves below `key`, by the rest of their key."""
        below = f"{key}."
        return {name[len(below) :]: value for name, value in self._leaves.items() if name.startswith(below)}

    def leaves(self) -> dict[str, Any]:
        """All leaves by their whole key."""
        return dict(self._leaves)

    def path(self, key: str, default: str) -> str:
        """A path, absolute: a relative one resolves against the folder of the configuration file."""
        return os.path.normpath(os.path.join(self.folder, self.get(key, default)))

    def overrides(self) -> dict[str, Any]:
        """Section `override`: `ns:entry:path` to value."""
        return {key: value for key, value in self.section("override").items() if not isinstance(value, dict)}

    def disable(self) -> Disable:
        """Section `disable`.

        Raises:
            WippyError: INVALID, malformed pattern.
        """
        return Disable(
            self._leaves.get("disable.namespaces"),
            self._leaves.get("disable.entries"),
            self.section("disable.meta"),
        )

    def replacements(self) -> dict[str, str | None]:
        """`workspace.replacements`: module to absolute path; None removes a replacement of the lock file."""
        return {
            name: os.path.normpath(os.path.join(self.folder, value)) if isinstance(value, str) else None
            for name, value in self.section("workspace.replacements").items()
            if value is None or isinstance(value, str)
        }


def _read(path: str, shown: str) -> dict[Any, Any]:
    values, builder = load_mapping(path, file=shown)
    root = builder.document.root

    def fail(message: str, key: str | None, hint: str) -> SourceError:
        pair = find(root, key) if root is not None and key is not None else None
        return builder.mistake(message, pair[0] if pair else root, hint=hint)

    if values.get("version") is None:
        raise fail("missing version field", "version", f'add version: "{VERSION}" as the first line')
    version = values.pop("version")
    if not isinstance(version, str) or version != VERSION:
        raise fail(f"unsupported version: {version}", "version", f'write version: "{VERSION}", in quotes')
    for key, value in values.items():
        if value is not None and not isinstance(value, dict):
            raise fail(f"failed to parse YAML: section {key} must be a mapping", str(key), "indent its keys below it")
    return {key: value for key, value in values.items() if value is not None}
