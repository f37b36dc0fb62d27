"""Typed configuration from the data of an entry."""

from __future__ import annotations

import logging
import re
import types
from functools import lru_cache
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from ..duration import format_duration, parse_duration
from ..errors import NOT_FOUND, SourceError, WippyError
from .entry import Entry
from .placeholder import Resolver, Unset, resolve

log = logging.getLogger("wippy.registry")

T = TypeVar("T", bound=msgspec.Struct)
Path = tuple["str | int", ...]

NAMES = {
    "int": "an integer",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "null": "null",
    "array": "a list",
    "object": "a mapping",
    "duration": "a duration",
}

_EXPECTED = re.compile(r"Expected `(.+?)`, got `(.+?)`")
_MISSING = re.compile(r"Object missing required field `(.+)`")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]|\[\.\.\.\]")


class Duration(int):
    """A field of nanoseconds that is written as text such as `1h30m`."""

    __slots__ = ()

    def __str__(self) -> str:
        return format_duration(self)


def decode(entry: Entry, type_: type[T], *, env: Resolver | None = None, raw: tuple[str, ...] = ("source",)) -> T:
    """The data of an entry as a struct.

    Unknown keys are ignored, keys without value count as absent, placeholders and `<field>_env` keys
    are resolved. A `ValueError` raised by `__post_init__` of a struct is a failed validation.

    Args:
        entry: its data must be a mapping or None.
        type_: struct with the keys as fields.
        env: the value of a variable, None where it is not set; without it placeholders stay as they are.
        raw: keys of the data that are taken as they are, such as source code.

    Raises:
        WippyError, SourceError: INVALID `failed to unmarshal config: …` for a wrong type,
            `invalid configuration: …` for a missing or bad value; NOT_FOUND for a variable that is not set.
    """
    data = {} if entry.data is None else entry.data
    if not isinstance(data, dict):
        raise entry.error(f"failed to unmarshal config: data of {entry.kind} must be a mapping")
    plain = _Reader(entry, env, raw).struct(data, type_, ())
    return convert(entry, plain, type_, ())


def convert(entry: Entry, value: Any, type_: type[T], path: Path) -> T:
    """Plain values as a struct, mistakes placed below `path` of the entry's data."""
    try:
        return msgspec.convert(value, type_, dec_hook=_custom)
    except msgspec.ValidationError as error:
        raise _mistake(entry, error, value, path) from None


def _custom(type_: type, value: Any) -> Any:
    if type_ is Duration:
        if isinstance(value, str):
            try:
                return Duration(parse_duration(value))
            except WippyError as error:
                raise TypeError(error.message) from None
        raise TypeError('must be a duration such as "5s" or "1m30s"')
    raise TypeError(f"cannot be read as {type_.__name__}")


def _mistake(entry: Entry, error: msgspec.ValidationError, value: Any, path: Path) -> WippyError:
    text, _, where = str(error).partition(" - at `$")
    where = where.rstrip("`")
    at, exact = _path(where, value)
    place = (*path, *at)
    name = ".".join(str(part) for part in place) or "data"
    missing = _MISSING.match(text)
    if missing:
        field = missing[1]
        prefix = ".".join(str(part) for part in place)
        full = f"{prefix}.{field}" if prefix else field
        return entry.error(f"invalid configuration: {full} is required", *place, hint=f"add `{field}: …`")
    expected = _EXPECTED.match(text)
    if expected:
        wanted = " or ".join(NAMES.get(part.strip(), part.strip()) for part in expected[1].split("|"))
        got = NAMES.get(expected[2], expected[2])
        hint = "put it in quotes" if "str" in expected[1] and expected[2] in ("int", "float", "bool") else None
        if not exact:
            name += " (one of its values)"
        return entry.error(f"failed to unmarshal config: {name} must be {wanted}, not {got}", *place, hint=hint)
    if isinstance(error.__cause__, ValueError):
        return entry.error(f"invalid configuration: {text}", *_named_in(text, place, value))
    return entry.error(f"failed to unmarshal config: {name}: {text}", *place)


def _named_in(text: str, place: Path, value: Any) -> Path:
    """The key that a validation text begins with, so that the error can point at it."""
    at = value
    for part in place:
        at = (
            at.get(part)
            if isinstance(at, dict)
            else at[part]
            if isinstance(at, list) and isinstance(part, int)
            else None
        )
    out = place
    for part in text.split(" ", 1)[0].rstrip(":,").split("."):
        if not isinstance(at, dict) or part not in at:
            break
        out = (*out, part)
        at = at[part]
    return out


def _path(where: str, value: Any) -> tuple[Path, bool]:
    """The keys in a path such as `.pool.items[0].size`, and whether it could be followed to its end."""
    out: list[str | int] = []
    for match in _STEP.finditer(where):
        if match.group() == "[...]":
            return tuple(out), False
        out.append(int(match[2]) if match[2] is not None else match[1])
    return tuple(out), True


@lru_cache(maxsize=512)
def _fields(type_: type[msgspec.Struct]) -> dict[str, Any]:
    """Types by the names as written in files."""
    hints = get_type_hints(type_, include_extras=True)
    return {
        written: hints[name]
        for name, written in zip(type_.__struct_fields__, type_.__struct_encode_fields__, strict=True)
    }


def _options(type_: Any) -> tuple[Any, ...]:
    """The members of a union, `Annotated` taken off."""
    origin = get_origin(type_)
    if origin is Annotated:
        return _options(get_args(type_)[0])
    if origin in (Union, types.UnionType):
        return tuple(option for part in get_args(type_) for option in _options(part))
    return (type_,)


class _Reader:
    """Resolves what stands for something else, guided by the types of the fields."""

    def __init__(self, entry: Entry, env: Resolver | None, raw: tuple[str, ...]) -> None:
        self.entry = entry
        self.env = env
        self.raw = raw

    def struct(self, data: dict[Any, Any], type_: type[msgspec.Struct], path: Path) -> dict[str, Any]:
        fields = _fields(type_)
        out: dict[str, Any] = {}
        for key, value in data.items():
            key = str(key)
            field = fields.get(key)
            if field is None:
                self._unknown(key, fields, data, path)
                continue
            if value is None and type(None) not in _options(field) and Any not in _options(field):
                continue
            out[key] = value if not path and key in self.raw else self.value(value, field, (*path, key))
        if self.env is not None:
            for key, value in data.items():
                if isinstance(key, str) and key.endswith("_env") and isinstance(value, str) and key not in fields:
                    self._legacy(key[: -len("_env")], value, fields, out)
        return out

    def _unknown(self, key: str, fields: dict[str, Any], data: dict[Any, Any], path: Path) -> None:
        """Keys that nobody reads are allowed; one that looks like a slip of the pen is told."""
        if key.endswith("_env") or key.startswith("_"):
            return
        from difflib import get_close_matches  # slow to import, needed only for mistakes

        for name in get_close_matches(key, [name for name in fields if name not in data], 1, 0.8):
            error = self.entry.error("", *path, key)
            place = f" ({error.file}:{error.line})" if isinstance(error, SourceError) else ""
            full = ".".join(map(str, (*path, key)))
            log.warning('%s: unknown key "%s"%s; did you mean %s?', self.entry.id, full, place, name)

    def _legacy(self, name: str, variable: str, fields: dict[str, Any], out: dict[str, Any]) -> None:
        field = fields.get(name)
        if field is None or self.env is None:
            return
        found = self._variable(variable)
        if found:
            out[name] = resolve("${env:value}", lambda _: found, _scalar(field))

    def value(self, value: Any, type_: Any, path: Path) -> Any:
        options = _options(type_)
        if isinstance(value, dict | list) and not value:
            return _empty(value, options)
        if isinstance(value, str):
            return self.text(value, _scalar(type_), path)
        if isinstance(value, dict):
            for option in options:
                if isinstance(option, type) and issubclass(option, msgspec.Struct):
                    return self.struct(value, option, path)
            inner = next((get_args(option)[1] for option in options if get_origin(option) is dict), Any)
            return {str(key): self.value(item, inner, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            inner = next((get_args(option)[0] for option in options if get_origin(option) in (list, tuple)), Any)
            return [self.value(item, inner, (*path, number)) for number, item in enumerate(value)]
        return value

    def text(self, text: str, want: type | None, path: Path) -> Any:
        if self.env is None or "${" not in text:
            return text
        try:
            return resolve(text, self._variable, want)
        except Unset as error:
            raise self.entry.error(
                f'environment variable "{error.name}" is not set and has no default',
                *path,
                hint=f"set it, or write ${{env:{error.name}|default}}",
                kind=NOT_FOUND,
            ) from None

    def _variable(self, name: str) -> str | None:
        assert self.env is not None
        try:
            return self.env(name)
        except WippyError as error:
            if error.kind == NOT_FOUND:
                return None
            raise


def _empty(value: Any, options: tuple[Any, ...]) -> Any:
    """An empty list or mapping as the one that the type asks for: code cannot tell them apart."""
    lists = any(get_origin(option) in (list, tuple) for option in options)
    maps = any(
        get_origin(option) is dict or (isinstance(option, type) and issubclass(option, msgspec.Struct))
        for option in options
    )
    if Any in options or lists == maps:
        return value
    return [] if lists else {}


def _scalar(type_: Any) -> type | None:
    """The one scalar type that a field takes, or None where several fit."""
    found = [option for option in _options(type_) if option in (str, int, float, bool)]
    if any(option is Duration for option in _options(type_)):
        return str
    return found[0] if len(found) == 1 else None
