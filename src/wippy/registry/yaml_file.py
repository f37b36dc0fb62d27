"""YAML and JSON files with positions: every mistake says where it stands and what to do."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ..errors import SourceError, WippyError
from .scalars import NUMERIC_START, WORDS, plain, tagged
from .source import Document, is_merge

_Parser: Any = getattr(yaml.cyaml, "CParser", None) if yaml.__with_libyaml__ else yaml.SafeLoader


class _Loader(_Parser):
    """Composes nodes only: `!` is the tag of quoted text, none that of the rest."""

    def __init__(self, text: str) -> None:
        _Parser.__init__(self, text)

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
        return "" if kind is not ScalarNode or implicit[0] else "!"

    def ascend_resolver(self) -> None: ...

    def descend_resolver(self, *_: Any) -> None: ...


HINTS = (
    ("cannot start any token", "indent with spaces and quote values that begin with @, ` or %"),
    ("tab", "indent with spaces, YAML does not allow tabs"),
    ("mapping values are not allowed", 'check the indentation, or put a value that contains ": " in quotes'),
    ("could not find expected ':'", 'a key needs ": " after it'),
    ("did not find expected key", "the keys of one mapping must stand below each other"),
    ("did not find expected '-' indicator", "the items of one list must stand below each other"),
    ("undefined alias", "define the anchor (&name) before its first use (*name)"),
    ("unexpected end of stream", "a quote or bracket that was opened is not closed"),
    ("did not find expected ',' or", "a bracket that was opened is not closed, or a comma is missing"),
)

# What shows only later than where it is wrong.
AT_BEGINNING = ("unexpected end of stream", "could not find expected ':'", "did not find expected ',' or")


def parse(text: str, *, file: str, path: str) -> Document:
    """The first document of a YAML file, or a JSON file (by the ending of `path`).

    Args:
        text: content.
        file: path to show in errors.
        path: path on disk.

    Raises:
        SourceError: bad syntax.
    """
    if path.endswith(".json"):
        from . import json_file  # definition files in JSON are rare

        return Document(file, path, text, json_file.compose(text, file=file))
    if text.startswith("\ufeff"):
        text = text[1:]
    root: Node | None = None
    try:
        loader = _Loader(text)
        try:
            if loader.check_node():
                root = loader.get_node()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        raise _syntax(error, text, file) from None
    except yaml.reader.ReaderError as error:
        raise _character(error, text, file) from None
    except RecursionError:
        raise SourceError("values are nested too deeply", file=file, hint="flatten the structure") from None
    return Document(file, path, text, root)


def _syntax(error: yaml.MarkedYAMLError, text: str, file: str) -> SourceError:
    mark = error.problem_mark or error.context_mark
    problem = error.problem or error.context or "invalid YAML"
    if error.context and error.context_mark and any(words in problem for words in AT_BEGINNING):
        mark = error.context_mark
        problem = f"{problem} {error.context}"
    lines = text.splitlines()
    row = min(mark.line, max(len(lines) - 1, 0)) if mark else 0
    line = lines[row] if lines else ""
    column = mark.column if mark and mark.line == row else len(line)
    hint = None
    if line[: len(line) - len(line.lstrip())].count("\t"):
        hint = "indent with spaces, YAML does not allow tabs"
    else:
        hint = next((advice for words, advice in HINTS if words in problem), None)
    if error.context and error.context_mark and error.context_mark.line != row:
        place = f"{error.context}, which begins on line {error.context_mark.line + 1}"
        hint = f"{hint}; {place}" if hint else place
    return SourceError(f"invalid YAML: {problem}", file=file, line=row + 1, column=column + 1, text=line, hint=hint)


def _character(error: Any, text: str, file: str) -> SourceError:
    character = error.character if isinstance(error.character, int) else ord(error.character)
    at = text.find(chr(character))
    before = text[: max(at, 0)]
    row = before.count("\n")
    lines = text.splitlines()
    return SourceError(
        f"invalid YAML: character U+{character:04X} is not allowed",
        file=file,
        line=row + 1,
        column=len(before) - before.rfind("\n"),
        text=lines[row] if row < len(lines) else None,
        hint="remove it, or write it as an escape in double quotes",
    )


Insert = Callable[[str], tuple[str, str]]


class Builder:
    """Turns nodes of one document into plain values, collecting mistakes instead of stopping.

    Args:
        document: the file.
        insert: gives text and shown path of the file that a `file://` value names; None leaves such values alone.
            Raises WippyError.
    """

    def __init__(self, document: Document, insert: Insert | None = None) -> None:
        self.document = document
        self.insert = insert
        self.errors: list[WippyError] = []
        self._open: set[int] = set()

    def mistake(self, message: str, node: Node | None = None, *, hint: str | None = None) -> SourceError:
        """A mistake at a node, or at the file as a whole; it is also collected."""
        line = column = text = None
        if node is not None:
            line, column = node.start_mark.line + 1, node.start_mark.column + 1
            lines = self.document.lines
            text = lines[line - 1] if line <= len(lines) else None
        error = SourceError(message, file=self.document.file, line=line, column=column, text=text, hint=hint)
        self.errors.append(error)
        return error

    def value(self, node: Node) -> Any:
        """The value of a node: dict, list, str, int, float, bool or None."""
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        if id(node) in self._open:
            self.mistake("an anchor contains itself", node, hint="an alias may not stand inside the value it names")
            return None
        self._open.add(id(node))
        try:
            if isinstance(node, MappingNode):
                return self.mapping(node)
            return [self.value(item) for item in node.value]
        except RecursionError:
            self.mistake("values are nested too deeply", node, hint="flatten the structure")
            return None
        finally:
            self._open.discard(id(node))

    def mapping(self, node: MappingNode) -> dict[Any, Any]:
        """A mapping with `<<` merged; a key given twice is a mistake."""
        out: dict[Any, Any] = {}
        seen: dict[Any, Node] = {}
        merges: list[Node] = []
        for key_node, value_node in node.value:
            if is_merge(key_node):
                merges.append(value_node)
                continue
            key = self._key(key_node)
            first = seen.get(key)
            if first is not None:
                self.mistake(
                    f'duplicate key "{key}", already defined on line {first.start_mark.line + 1}',
                    key_node,
                    hint="remove one of the two",
                )
                continue
            seen[key] = key_node
            out[key] = self.value(value_node)
        for merge in merges:
            self._merge(out, merge)
        return out

    def _merge(self, out: dict[Any, Any], node: Node) -> None:
        for item in node.value if isinstance(node, SequenceNode) else [node]:
            if not isinstance(item, MappingNode):
                self.mistake("only mappings can be merged with <<", item, hint="write <<: *name of a mapping")
                continue
            merged = self.value(item)
            for key, value in (merged or {}).items():
                out.setdefault(key, value)

    def _key(self, node: Node) -> Any:
        if not isinstance(node, ScalarNode):
            self.mistake("a key must be a scalar", node, hint="use text or a number as the key")
            return None
        if node.style or node.tag not in ("", "!"):
            return node.value
        value = plain(node.value)
        return value if type(value) is int and str(value) == node.value else node.value

    def _scalar(self, node: ScalarNode) -> Any:
        text = node.value
        tag = node.tag
        if tag == "" and not node.style:
            if text in WORDS or text[0] in NUMERIC_START:
                return plain(text)
        elif tag not in ("", "!"):
            try:
                value = tagged(tag, text) if not node.style or tag.startswith("tag:") else text
            except ValueError as error:
                self.mistake(str(error), node, hint="change the value or remove the tag")
                return None
            if not isinstance(value, str):
                return value
            text = value
        if self.insert is not None and text.startswith("file://"):
            return self._insert(node, text)
        return text

    def _insert(self, node: ScalarNode, text: str) -> str:
        assert self.insert is not None
        try:
            content, shown = self.insert(text)
        except WippyError as error:
            details = error.details or {}
            self.mistake(error.message, node, hint=details.get("hint"))
            return ""
        self.document.inserted[id(node)] = shown
        return content


def read_text(path: str, *, file: str) -> str:
    """The content of a UTF-8 file.

    Raises:
        SourceError: it cannot be read or is not UTF-8.
    """
    try:
        with open(path, "rb") as handle:
            raw = handle.read()
    except OSError as error:
        raise SourceError(f"cannot read file: {error.strerror}", file=file, hint="check path and permissions") from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise SourceError(
            f"not valid UTF-8 (byte 0x{raw[error.start]:02x})", file=file, line=line, hint="save the file as UTF-8"
        ) from None


def load_mapping(path: str, *, file: str) -> tuple[dict[Any, Any], Builder]:
    """The root mapping of a YAML file; an empty file gives an empty dict.

    Returns:
        The values, and the builder for mistakes found later (`document.root` gives their positions).

    Raises:
        SourceError, Problems: the file cannot be read, is no YAML, or its root is no mapping.
    """
    from .notice import raise_problems

    builder = Builder(parse(read_text(path, file=file), file=file, path=path))
    root = builder.document.root
    if root is None or (isinstance(root, ScalarNode) and root.value == ""):
        return {}, builder
    if not isinstance(root, MappingNode):
        raise builder.mistake("the file must be a mapping of keys to values", root, hint="begin it with `key: value`")
    values = builder.mapping(root)
    raise_problems(builder.errors)
    return values, builder


def shown_path(path: str, project: str) -> str:
    """`path` as the user knows it: relative to the project where it lies inside."""
    relative = os.path.relpath(path, project)
    return path if relative.startswith("..") else relative
