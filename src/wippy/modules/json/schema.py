"""JSON Schema, draft 2020-12. Schemas are compiled once; nothing is fetched."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from wippy.errors import INVALID, WippyError
from wippy.modules.extras import optional

_MISSING = re.compile(r"(Pointer|Anchor) '(.*)' does not exist")
_REFERENCES = ("$ref", "$dynamicRef")
_MAPS = frozenset(
    {
        "properties",
        "patternProperties",
        "$defs",
        "definitions",
        "dependentSchemas",
        "dependentRequired",
        "items",
        "additionalProperties",
        "not",
        "if",
        "then",
        "else",
        "contains",
        "propertyNames",
        "unevaluatedItems",
        "unevaluatedProperties",
        "contentSchema",
    }
)
_LONGEST = 500


def _schemas(node: Any) -> Iterator[dict[str, Any]]:
    """Every map in a schema."""
    stack = [node]
    while stack:
        one = stack.pop()
        if isinstance(one, dict):
            yield one
            stack.extend(one.values())
        elif isinstance(one, list):
            stack.extend(one)


def _without(schema: Any, kind: str, target: str) -> bool:
    """Takes out references to a place that is not there; whether there was one."""
    changed = False
    for node in _schemas(schema):
        for name in _REFERENCES:
            reference = node.get(name)
            if not isinstance(reference, str) or "#" not in reference:
                continue
            fragment = reference.partition("#")[2]
            if target in (fragment, unquote(fragment)):
                del node[name]
                changed = True
    return changed


def _refused(reason: Any) -> WippyError:
    return WippyError(INVALID, f"compile schema: {_short(str(reason))}")


def _short(text: str) -> str:
    line = text.strip().partition("\n")[0]
    return line if len(line) <= _LONGEST else line[:_LONGEST] + "…"


@functools.lru_cache(maxsize=100)
def compiled(text: bytes) -> Any:
    """The validator of a schema.

    Raises:
        WippyError: INVALID for what is no schema; UNAVAILABLE without the package.
    """
    library = optional("jsonschema_rs", "schema", "json.validate")
    try:
        schema = parsed(text)
    except (ValueError, RecursionError) as error:
        raise _refused(error) from None
    if schema == []:
        schema = {}
    for node in _schemas(schema):
        for name in _MAPS & node.keys():
            if node[name] == []:  # an empty Lua table
                node[name] = {}
    if not isinstance(schema, (dict, bool)):
        raise _refused("a schema is an object or a boolean")
    while True:
        try:
            return library.Draft202012Validator(
                schema, validate_formats=False, retriever=lambda uri: True, pattern_options=library.RegexOptions()
            )
        except library.ValidationError as error:
            missing = _MISSING.search(error.message)
            if missing is None or not _without(schema, missing[1], missing[2]):
                where = "/".join(map(str, error.instance_path))
                raise _refused(f"{where}: {error.message}" if where else error.message) from None
        except (ValueError, RecursionError, library.ReferencingError) as error:
            raise _refused(error) from None


def _constant(name: str) -> Any:
    raise ValueError(f"invalid number {name}")


def parsed(text: bytes) -> Any:
    """The value of one JSON document. Raises ValueError, RecursionError."""
    return json.loads(text.decode(), parse_constant=_constant)


def _repaired(value: Any) -> Any:
    """The same without bytes, which stand for strings that are no UTF-8."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, list):
        return [_repaired(item) for item in value]
    if isinstance(value, dict):
        return {_repaired(key): _repaired(item) for key, item in value.items()}
    return value


def check(text: bytes, value: Any) -> None:
    """Validates plain data against the schema of a JSON text.

    Raises:
        WippyError: INVALID for a bad schema or a value that does not fit; says where and why.
    """
    validator = compiled(text)
    try:
        error = next(iter(validator.iter_errors(value)), None)
    except ValueError:
        error = next(iter(validator.iter_errors(_repaired(value))), None)
    if error is not None:
        where = "".join(f"/{part}" for part in error.instance_path) or "the document"
        raise failed(f"{where}: {_short(error.message)}")


def failed(reason: Any) -> WippyError:
    """The error for a value that is not valid."""
    return WippyError(INVALID, f"validation failed: evaluation failed: {_short(str(reason))}")
