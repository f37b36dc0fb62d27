"""`${env:NAME}` in the configuration of entries."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .override import coerce

Resolver = Callable[[str], "str | None"]

_FORM = re.compile(
    r"\$\$\{|\$\{env:(?P<name>[^}|]+)(?:\|(?P<default>[^}]*))?\}|\$\{(?P<short>[A-Z0-9_]+)\|(?P<other>[^}]*)\}"
)


class Unset(Exception):
    """A placeholder without value and default.

    Args:
        name: of the variable.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def resolve(text: str, resolver: Resolver, want: type | None = None) -> Any:
    """The value of a configuration text.

    Args:
        text: may hold `${env:NAME}`, `${env:NAME|default}`, `${NAME|default}`; `$${` is a literal `${`.
        resolver: the value of a variable, None where it is not set.
        want: type of the field where it is bool, int, float or str. Only a text that is exactly one
            placeholder takes it; without it, the type of the inline default counts.

    Raises:
        Unset: no value and no default.
        WippyError: the variable cannot be read.
    """
    if "${" not in text:
        return text
    whole = _FORM.fullmatch(text)
    if whole and whole.group() != "$${":
        default = whole["default"] if whole["name"] else whole["other"]
        return _typed(_one(whole, resolver), default, want)
    return _FORM.sub(lambda match: "${" if match.group() == "$${" else _one(match, resolver), text)


def _one(match: re.Match[str], resolver: Resolver) -> str:
    name = match["name"] or match["short"]
    value = resolver(name.strip())
    if value:
        return value
    default = match["default"] if match["name"] else match["other"]
    if default is None:
        raise Unset(name.strip())
    return default


def _typed(value: str, default: str | None, want: type | None) -> Any:
    if want is str:
        return value
    if want is None:
        want = type(coerce(default)) if default is not None else str
    found = coerce(value)
    if want is float and type(found) is int:
        return float(found)
    return found if type(found) is want else value
