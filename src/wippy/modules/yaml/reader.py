"""YAML text to plain data, from parser events: no recursion, no objects, aliases share what they name."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from wippy.modules.yaml.scalars import OutOfRange, integer, moment, plain

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PREFIX = "tag:yaml.org,2002:"
MAX_DEPTH = 400
MAX_EXPANDED = 400_000
"""Values that aliases may stand for beyond ten times what is written."""


class ReadError(ValueError):
    """The text is no YAML, or has no form as a value; says where."""


class _Open:
    """A list or map that is being read."""

    __slots__ = ("anchor", "is_map", "items", "key", "line", "merged", "names", "size", "values")

    def __init__(self, is_map: bool, anchor: str | None, line: int) -> None:
        self.is_map = is_map
        self.anchor = anchor
        self.line = line
        self.items: list[Any] = []
        self.values: dict[str, Any] = {}
        self.names: set[str] = set()
        self.merged: list[Any] = []
        self.key: str | None = None
        self.size = 1


class _Merge(str):
    """The key `<<`."""

    __slots__ = ()


class _Key:
    """The text of a scalar as a map key beside its value."""

    __slots__ = ("text", "value")

    def __init__(self, text: str, value: Any) -> None:
        self.text = text
        self.value = value


class Reader:
    """Reads the first document of a text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._stack: list[_Open] = []
        self._written = 0
        self._result: Any = None

    def read(self) -> Any:
        """None, bool, int, float, str, bytes, list or dict with text keys.

        Raises:
            ReadError: syntax, duplicate keys, unknown aliases, integers beyond 64 bits, too deep or too large.
        """
        try:
            for event in yaml.parse(self._text, Loader=_LOADER):
                if isinstance(event, DocumentEndEvent):
                    break
                self._take(event)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            where = f"line {mark.line + 1}: " if mark else ""
            raise ReadError(f"{where}{error.problem or error.context or error}") from None
        except yaml.YAMLError as error:
            raise ReadError(str(error).replace("\n", " ")) from None
        except RecursionError:
            raise ReadError("exceeded maximum nesting depth") from None
        return self._result

    def _take(self, event: Any) -> None:
        if isinstance(event, ScalarEvent):
            self._written += 1
            value, text = self._scalar(event)
            if event.anchor:
                self._anchors[event.anchor] = (_Key(text, value), 1)
            self._put(value, text, 1, event)
        elif isinstance(event, (MappingStartEvent, SequenceStartEvent)):
            self._written += 1
            if len(self._stack) >= MAX_DEPTH:
                raise ReadError(f"{_at(event)}exceeded maximum nesting depth of {MAX_DEPTH}")
            if event.anchor:
                self._anchors.pop(event.anchor, None)
            is_map = isinstance(event, MappingStartEvent)
            self._stack.append(_Open(is_map, event.anchor, event.start_mark.line + 1))
        elif isinstance(event, (MappingEndEvent, SequenceEndEvent)):
            made = self._stack.pop()
            value = self._map(made) if made.is_map else made.items
            if made.anchor:
                self._anchors[made.anchor] = (value, made.size)
            self._put(value, None, made.size, event)
        elif isinstance(event, AliasEvent):
            self._alias(event)

    def _alias(self, event: Any) -> None:
        known = self._anchors.get(event.anchor)
        if known is None:
            inside = any(one.anchor == event.anchor for one in self._stack)
            what = f"anchor '{event.anchor}' value contains itself" if inside else f"unknown anchor '{event.anchor}'"
            raise ReadError(f"{_at(event)}{what}")
        value, size = known
        if isinstance(value, _Key):
            self._put(value.value, value.text, size, event)
        else:
            self._put(value, None, size, event)

    def _put(self, value: Any, text: str | None, size: int, event: Any) -> None:
        if not self._stack:
            self._result = value
            return
        holder = self._stack[-1]
        holder.size += size
        if holder.size > MAX_EXPANDED and holder.size > 10 * self._written:
            raise ReadError(f"{_at(event)}document contains excessive aliasing")
        if not holder.is_map:
            holder.items.append(value)
        elif holder.key is None:
            if text is None:
                raise ReadError(f"{_at(event)}a list or map cannot be a key")
            if isinstance(text, _Merge):
                holder.key = text
                return
            if text in holder.names:
                raise ReadError(f'{_at(event)}mapping key "{text}" already defined in the map of line {holder.line}')
            holder.names.add(text)
            holder.key = text
        elif isinstance(holder.key, _Merge):
            holder.key = None
            sources = value if isinstance(value, list) else [value]
            if not all(isinstance(source, dict) for source in sources):
                raise ReadError(f"{_at(event)}map merge requires a map or a list of maps as the value")
            holder.merged.extend(sources)
        else:
            holder.values[holder.key] = value
            holder.key = None

    @staticmethod
    def _map(made: _Open) -> dict[str, Any]:
        values = made.values
        for source in made.merged:
            for key, value in source.items():
                values.setdefault(key, value)
        return values

    def _scalar(self, event: Any) -> tuple[Any, str]:
        text, tag = event.value, event.tag
        try:
            if event.implicit[0] and not event.style:
                if text == "<<":
                    return text, _Merge(text)
                value = plain(text)
                return value, _key_text(value, text)
            if tag and tag.startswith(_PREFIX):
                return self._tagged(tag[len(_PREFIX) :], text, event)
        except OutOfRange:
            raise ReadError(f"{_at(event)}integer {text} does not fit into 64 bits") from None
        if tag and not event.style and tag != "!":
            value = plain(text)
            return value, _key_text(value, text)
        return text, text

    def _tagged(self, name: str, text: str, event: Any) -> tuple[Any, str]:
        value: Any = text
        if name == "binary":
            try:
                value = base64.b64decode("".join(text.split()), validate=True)
            except binascii.Error:
                raise ReadError(f"{_at(event)}!!binary value contains invalid base64 data") from None
            return value, value.decode("utf-8", "surrogateescape")
        if name == "merge" and text == "<<":
            return text, _Merge(text)
        if name in ("int", "float", "bool", "null"):
            value = plain(text)
            if name == "float" and isinstance(value, int) and not isinstance(value, bool):
                value = float(value)
            wanted = {"int": int, "float": float, "bool": bool, "null": type(None)}[name]
            fits = isinstance(value, wanted) and (name != "int" or not isinstance(value, bool))
            if name == "int" and not fits:
                value = integer(text)
                fits = value is not None
            if not fits:
                raise ReadError(f"{_at(event)}cannot decode !!{name} from `{text}`")
        elif name == "timestamp":
            value = moment(text)
            if value is None:
                raise ReadError(f"{_at(event)}cannot decode !!timestamp from `{text}`")
        return value, _key_text(value, text)


def _key_text(value: Any, text: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    return str(value) if isinstance(value, int) else text


def _at(event: Any) -> str:
    return f"line {event.start_mark.line + 1}: "


def read(text: str) -> Any:
    """The first document of a text; None when it is empty. Raises ReadError."""
    return Reader(text.removeprefix("\ufeff")).read()
