"""Plain data to YAML text: block style, natural key order, no line folding."""

from __future__ import annotations

import base64
import io
import math
import re
from collections.abc import Callable, Iterable
from typing import Any

import yaml
from yaml.emitter import Emitter

from wippy.modules.yaml.scalars import is_text

_OLD_BOOLEANS = frozenset({"y", "n", "yes", "no", "on", "off"})
_SIXTIES = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_ESCAPES = {
    "\0": "\\0",
    "\a": "\\a",
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\v": "\\v",
    "\f": "\\f",
    "\r": "\\r",
    "\x1b": "\\e",
    '"': '\\"',
    "\\": "\\\\",
    "\x85": "\\N",
    "\u2028": "\\L",
    "\u2029": "\\P",
}
_SPECIAL = re.compile('[\x00-\x1f"\\\\\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]')
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")  # in a literal block
_LONGEST_KEY = 128


class _Analyzer(Emitter):
    def __init__(self) -> None:
        super().__init__(stream=io.StringIO(), allow_unicode=True)


_analyze = _Analyzer().analyze_scalar


class Writer:
    """Writes one value.

    Args:
        indent: columns of a level.
        order: sorts the keys of a map.
    """

    def __init__(self, indent: int, order: Callable[[Iterable[str]], list[str]]) -> None:
        self._indent = indent
        self._order = order
        self._out: list[str] = []

    def text(self, value: Any) -> str:
        """The document with a line break at its end. `value`: None, bool, int, float, str, bytes, list or dict."""
        if isinstance(value, dict) and value:
            self._map(value, 0, True)
        elif isinstance(value, list) and value:
            self._list(value, 0, True)
        else:
            self._out.append(self._scalar(value, self._indent, self._indent) + "\n")
        return "".join(self._out)

    def _deeper(self, indent: int) -> int:
        return self._indent * ((indent + self._indent) // self._indent)

    def _map(self, value: dict[Any, Any], indent: int, fresh: bool) -> None:
        out = self._out
        texts = {key if isinstance(key, str) else key.decode("utf-8", "surrogateescape"): key for key in value}
        for name in self._order(texts):
            if not fresh:
                out.append(" " * indent)
            fresh = False
            key = self._key(name)
            if len(key) > _LONGEST_KEY:
                out.append(f"? {key}\n{' ' * indent}:")
            else:
                out.append(key + ":")
            item = value[texts[name]]
            if isinstance(item, dict) and item:
                deeper = self._deeper(indent)
                out.append("\n" + " " * deeper)
                self._map(item, deeper, True)
            elif isinstance(item, list) and item:
                deeper = self._deeper(indent)
                out.append("\n" + " " * deeper)
                self._list(item, deeper, True)
            else:
                deeper = self._deeper(indent)
                out.append(f" {self._scalar(item, deeper, deeper - indent)}\n")

    def _list(self, value: list[Any], indent: int, fresh: bool) -> None:
        out = self._out
        for item in value:
            if not fresh:
                out.append(" " * indent)
            fresh = False
            out.append("- ")
            if isinstance(item, dict) and item:
                self._map(item, indent + 2, True)
            elif isinstance(item, list) and item:
                self._list(item, indent + 2, True)
            else:
                out.append(self._scalar(item, indent + 2, 2) + "\n")

    def _key(self, name: str) -> str:
        text = _one_line(name)
        return quoted(name) if text is None else text

    def _scalar(self, value: Any, indent: int, step: int) -> str:
        if value is None:
            return "null"
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int):
            return str(value)
        if isinstance(value, float):
            return float_text(value)
        if isinstance(value, dict):
            return "{}"
        if isinstance(value, list):
            return "[]"
        if isinstance(value, bytes):
            try:
                value = value.decode()
            except UnicodeDecodeError:
                return _binary(value)
        text = _one_line(value)
        if text is not None:
            return text
        # Parsers find the indentation of a block by its first line and refuse a tab there.
        block = not _UNFIT.search(value) and not value.lstrip(" \n").startswith("\t")
        block = block and _analyze(value.replace("\t", "x")).allow_block
        return self._literal(value, indent, step) if block else quoted(value)

    def _literal(self, value: str, indent: int, step: int) -> str:
        hint = str(step) if value[0] in " \n" else ""
        chomp = "-" if not value.endswith("\n") else "+" if value.endswith("\n\n") or value == "\n" else ""
        pad = " " * indent
        lines = value.removesuffix("\n").split("\n")
        return f"|{hint}{chomp}\n" + "\n".join(pad + line if line else line for line in lines)


def _one_line(value: str) -> str | None:
    """A string as a plain or quoted scalar of one line; None when it has several."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return _binary(value.encode("utf-8", "surrogateescape"))
    if not is_text(value) or value.lower() in _OLD_BOOLEANS or value == "<<" or _SIXTIES.fullmatch(value):
        return quoted(value)
    if "\n" in value:
        return None
    if _SPECIAL.search(value.replace('"', "").replace("\\", "")):
        return quoted(value)
    found = _analyze(value)
    if found.allow_block_plain:
        return value
    return "'" + value.replace("'", "''") + "'" if found.allow_single_quoted else quoted(value)


def _binary(value: bytes) -> str:
    return f"!!binary {base64.b64encode(value).decode()}"


def _escape(found: re.Match[str]) -> str:
    char = found[0]
    if char in _ESCAPES:
        return _ESCAPES[char]
    code = ord(char)
    return f"\\x{code:02X}" if code < 0x100 else f"\\u{code:04X}"


def quoted(value: str) -> str:
    """A string in double quotes with escapes."""
    return '"' + _SPECIAL.sub(_escape, value) + '"'


def float_text(value: float) -> str:
    """The shortest digits that read back as the same number; with an exponent below 1e-4 and from 1e+06 on."""
    if math.isnan(value):
        return ".nan"
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    sign = "-" if math.copysign(1, value) < 0 else ""
    digits, exponent = "", "0"
    for precision in range(17):
        digits, _, exponent = f"{abs(value):.{precision}e}".partition("e")
        if float(f"{digits}e{exponent}") == abs(value):
            break
    if -4 <= int(exponent) < 6:
        return sign + repr(abs(value)).removesuffix(".0")
    return f"{sign}{digits}e{exponent}"


class NaturalKey:
    """Sorts texts as people do: runs of digits by number, letters behind what is no letter, else by code point."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __lt__(self, other: NaturalKey) -> bool:
        a, b = self.text, other.text
        digits = False
        for at in range(min(len(a), len(b))):
            one, two = a[at], b[at]
            if one == two:
                digits = one.isdecimal()
                continue
            if one.isalpha() and two.isalpha():
                return one < two
            if one.isalpha() or two.isalpha():
                return one.isalpha() if digits else two.isalpha()
            return self._by_number(a, b, at)
        return len(a) < len(b)

    @staticmethod
    def _by_number(a: str, b: str, at: int) -> bool:
        lead = ""
        if "0" in (a[at], b[at]):
            # A zero counts only behind a digit that is none.
            back = at - 1
            while back >= 0 and a[back].isdecimal():
                if a[back] != "0":
                    lead = "1"
                    break
                back -= 1
        one, two = _run(a, at), _run(b, at)
        first, second = (lead + one).lstrip("0"), (lead + two).lstrip("0")
        if first != second:
            return (len(first), first) < (len(second), second)
        if len(one) != len(two):
            return len(one) < len(two)
        return a[at] < b[at]


def _run(text: str, at: int) -> str:
    end = at
    while end < len(text) and text[end].isdecimal():
        end += 1
    return text[at:end]


def write(value: Any, options: Any = None) -> str:
    """YAML text.

    Args:
        value: None, bool, int, float, str, bytes, list or dict with str keys.
        options: `field_order` (list of keys that come first) and `sort_unordered` (the others by bytes), or None.
    """
    first: list[str] = []
    by_bytes = False
    indent = 4
    if isinstance(options, dict):
        fields, unordered = options.get("field_order"), options.get("sort_unordered")
        if isinstance(fields, list):
            first = [field for field in fields if isinstance(field, str)]
            indent = 2
        if isinstance(unordered, bool):
            by_bytes = unordered
            indent = 2
    ranks = {name: rank for rank, name in reversed(list(enumerate(first)))}

    def order(names: Iterable[str]) -> list[str]:
        held = list(names)
        rest = [name for name in held if name not in ranks]
        if by_bytes:
            rest.sort(key=lambda name: name.encode("utf-8", "surrogateescape"))
        else:
            rest.sort()
            rest.sort(key=NaturalKey)
        return sorted((name for name in held if name in ranks), key=ranks.__getitem__) + rest

    try:
        return Writer(indent, order).text(value)
    except RecursionError:
        raise yaml.YAMLError("exceeded maximum nesting depth") from None
