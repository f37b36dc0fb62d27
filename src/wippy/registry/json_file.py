"""JSON files as the same nodes that YAML files give, so that positions work alike."""

from __future__ import annotations

import re
from bisect import bisect_right
from json import JSONDecodeError, JSONDecoder

from yaml.error import Mark
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ..errors import SourceError

_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_DECODER = JSONDecoder()
_WORD = re.compile(r"true|false|null")


class _Composer:
    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self.starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def mark(self, at: int) -> Mark:
        line = bisect_right(self.starts, at) - 1
        return Mark(self.file, at, line, at - self.starts[line], None, 0)

    def fail(self, message: str, at: int) -> SourceError:
        mark = self.mark(min(at, len(self.text)))
        lines = self.text.splitlines()
        return SourceError(
            f"invalid JSON: {message}",
            file=self.file,
            line=mark.line + 1,
            column=mark.column + 1,
            text=lines[mark.line] if mark.line < len(lines) else None,
            hint="JSON has no comments, no trailing commas, and text in double quotes",
        )

    def skip(self, at: int) -> int:
        match = _SPACE.match(self.text, at)
        return match.end() if match else at

    def value(self, at: int) -> tuple[Node, int]:
        start = self.text[at : at + 1]
        if start == "{":
            return self.mapping(at)
        if start == "[":
            return self.sequence(at)
        if start == '"':
            return self.string(at)
        match = _NUMBER.match(self.text, at) or _WORD.match(self.text, at)
        if not match:
            raise self.fail("a value is missing" if at >= len(self.text) else "this is no value", at)
        return ScalarNode("", match.group(), self.mark(at), None), match.end()

    def string(self, at: int) -> tuple[Node, int]:
        try:
            text, end = _DECODER.raw_decode(self.text, at)
        except JSONDecodeError as error:
            raise self.fail(error.msg, error.pos) from None
        return ScalarNode("", text, self.mark(at), None, style='"'), end

    def mapping(self, at: int) -> tuple[Node, int]:
        start = at
        pairs: list[tuple[Node, Node]] = []
        at = self.skip(at + 1)
        if self.text[at : at + 1] == "}":
            return MappingNode("", pairs, self.mark(start), None), at + 1
        while True:
            if self.text[at : at + 1] != '"':
                raise self.fail("a key in double quotes is missing", at)
            key, at = self.string(at)
            at = self.skip(at)
            if self.text[at : at + 1] != ":":
                raise self.fail("a colon is missing", at)
            value, at = self.value(self.skip(at + 1))
            pairs.append((key, value))
            at = self.skip(at)
            if self.text[at : at + 1] == "}":
                return MappingNode("", pairs, self.mark(start), None), at + 1
            if self.text[at : at + 1] != ",":
                raise self.fail("a comma or closing brace is missing", at)
            at = self.skip(at + 1)

    def sequence(self, at: int) -> tuple[Node, int]:
        start = at
        items: list[Node] = []
        at = self.skip(at + 1)
        if self.text[at : at + 1] == "]":
            return SequenceNode("", items, self.mark(start), None), at + 1
        while True:
            item, at = self.value(at)
            items.append(item)
            at = self.skip(at)
            if self.text[at : at + 1] == "]":
                return SequenceNode("", items, self.mark(start), None), at + 1
            if self.text[at : at + 1] != ",":
                raise self.fail("a comma or closing bracket is missing", at)
            at = self.skip(at + 1)


def compose(text: str, *, file: str) -> Node | None:
    """The root node of a JSON text; None for an empty one.

    Raises:
        SourceError: bad syntax.
    """
    composer = _Composer(text, file)
    at = composer.skip(0)
    if at == len(text):
        return None
    try:
        root, at = composer.value(at)
    except RecursionError:
        raise SourceError("values are nested too deeply", file=file, hint="flatten the structure") from None
    if composer.skip(at) != len(text):
        raise composer.fail("text follows after the value", composer.skip(at))
    return root
