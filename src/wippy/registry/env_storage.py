"""Places where values of environment variables are kept."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Protocol

from ..errors import INTERNAL, PERMISSION_DENIED, WippyError


class Storage(Protocol):
    """Keys and texts."""

    def get(self, key: str) -> str | None:
        """The value, None where there is none (an empty text is one)."""
        ...

    def set(self, key: str, value: str) -> None:
        """Stores a value. Raises WippyError: PERMISSION_DENIED for read-only storages, INTERNAL."""
        ...

    def items(self) -> dict[str, str]:
        """All keys with their values."""
        ...


class MemoryStorage:
    """Values that last as long as the entry."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def get(self, key: str) -> str | None:
        return self._values.get(key)

    def set(self, key: str, value: str) -> None:
        self._values[key] = value

    def items(self) -> dict[str, str]:
        return dict(self._values)


class StaticStorage:
    """Fixed values; with `os.environ` a live view of the environment."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def get(self, key: str) -> str | None:
        return self._values.get(key)

    def set(self, key: str, value: str) -> None:
        raise WippyError(PERMISSION_DENIED, "storage is read-only")

    def items(self) -> dict[str, str]:
        return dict(self._values)


class FileStorage:
    """Lines `KEY=VALUE` of a file, read anew at each access.

    Args:
        path: of the file.
        auto_create: make file and folders when a value is set.
        file_mode: of a file that is made.
        dir_mode: of folders that are made.
    """

    def __init__(self, path: str, *, auto_create: bool = False, file_mode: int = 0o644, dir_mode: int = 0o755) -> None:
        self.path = path
        self.auto_create = auto_create
        self.file_mode = file_mode
        self.dir_mode = dir_mode

    def get(self, key: str) -> str | None:
        for line in self._lines():
            pair = parse_line(line)
            if pair is not None and pair[0] == key:
                return pair[1]
        return None

    def items(self) -> dict[str, str]:
        return dict(pair for pair in map(parse_line, self._lines()) if pair is not None)

    def set(self, key: str, value: str) -> None:
        try:
            exists = os.path.exists(self.path)
            if not exists and not self.auto_create:
                raise WippyError(INTERNAL, f"environment file {self.path} does not exist and auto_create is off")
            if not exists:
                os.makedirs(os.path.dirname(os.path.abspath(self.path)), mode=self.dir_mode, exist_ok=True)
            lines: list[str] = []
            found = False
            for line in self._lines():
                pair = parse_line(line)
                if pair is not None and pair[0] == key:
                    found = True
                    _, mark, comment = line.partition("#")
                    line = f"{key}={value} #{comment}" if mark else f"{key}={value}"
                lines.append(line)
            if not found:
                lines.append(f"{key}={value}")
            mode = os.stat(self.path).st_mode & 0o7777 if exists else self.file_mode
            temporary = f"{self.path}.tmp"
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
            with open(descriptor, "w", encoding="utf-8", newline="") as handle:
                handle.write("\n".join(lines) + "\n")
            os.replace(temporary, self.path)
        except OSError as error:
            raise WippyError(INTERNAL, f"cannot write environment file {self.path}: {error.strerror}") from None

    def _lines(self) -> list[str]:
        try:
            with open(self.path, encoding="utf-8", errors="replace") as handle:
                return handle.read().splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise WippyError(INTERNAL, f"cannot read environment file {self.path}: {error.strerror}") from None


def parse_line(line: str) -> tuple[str, str] | None:
    """Key and value of a line, None for a blank one, a comment or one without `=`."""
    line = line.partition("#")[0].strip()
    key, equals, value = line.partition("=")
    return (key.strip(), value.strip()) if equals and key.strip() else None


class RouterStorage:
    """Several storages: the first that has a key wins, the first takes what is set.

    Args:
        members: in order, at least one.
    """

    def __init__(self, members: list[Storage]) -> None:
        self.members = members
        self._cache: dict[str, str] = {}

    def get(self, key: str) -> str | None:
        if key in self._cache:
            return self._cache[key]
        for member in self.members:
            value = member.get(key)
            if value is not None:
                self._cache[key] = value
                return value
        return None

    def set(self, key: str, value: str) -> None:
        self.members[0].set(key, value)
        self._cache[key] = value

    def items(self) -> dict[str, str]:
        out: dict[str, str] = {}
        for member in reversed(self.members):
            try:
                out.update(member.items())
            except WippyError:
                continue
        return out
