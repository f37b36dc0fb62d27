"""Markdown cut into chunks at headings, list items and table rows."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from wippy.modules.extras import optional
from wippy.modules.text.splitter import RecursiveSplitter, sizes


@dataclass(frozen=True, slots=True)
class Settings:
    """Lengths in characters; see the options of the same names."""

    size: int
    overlap: int
    code_blocks: bool
    reference_links: bool
    heading_hierarchy: bool
    join_table_rows: bool


@functools.cache
def _parser() -> Any:
    library = optional("markdown_it", "text", "text.splitter.markdown")
    return library.MarkdownIt("commonmark").enable("table")


def split(text: str, options: dict[str, Any]) -> list[str]:
    """The chunks of a CommonMark text with tables. Raises WippyError: UNAVAILABLE without the parser."""
    names = ("code_blocks", "reference_links", "heading_hierarchy", "join_table_rows")
    settings = Settings(*sizes(options), *(options.get(name) is True for name in names))
    return Chunker(settings).split(_parser().parse(text))


class Chunker:
    """Collects the blocks of one level of a document."""

    def __init__(self, settings: Settings, depth: int = 0) -> None:
        self._settings = settings
        self._depth = depth
        self._chunks: list[str] = []
        self._snippet = ""
        self._title = ""
        self._titles: list[str] = []
        self._title_used = True

    def split(self, tokens: list[Any]) -> list[str]:
        """The chunks of these blocks."""
        at = 0
        while at < len(tokens):
            token = tokens[at]
            end = _closing(tokens, at)
            inside = tokens[at + 1 : end]
            kind = token.type
            if kind == "heading_open":
                self._heading(int(token.tag[1:]), self._inline(inside))
            elif kind == "paragraph_open":
                self._join(self._inline(inside))
            elif kind == "blockquote_open":
                for chunk in self._nested(inside):
                    self._join(_indented(chunk, "> "))
            elif kind in ("bullet_list_open", "ordered_list_open"):
                self._list(inside, token.attrGet("start") or 1 if kind == "ordered_list_open" else None)
            elif kind == "table_open":
                self._table(inside)
            elif kind in ("fence", "code_block"):
                self._code(token)
            elif kind == "hr":
                self._join("---")
            at = end + 1
        self._flush()
        return self._chunks

    def _nested(self, tokens: list[Any], depth: int | None = None) -> list[str]:
        return Chunker(self._settings, self._depth if depth is None else depth).split(tokens)

    def _join(self, snippet: str) -> None:
        if not self._snippet:
            self._snippet = snippet
        elif len(self._snippet) + len(snippet) >= self._settings.size:
            self._flush()
            self._snippet = snippet
        else:
            self._snippet += "\n" + snippet

    def _flush(self) -> None:
        snippet, self._snippet = self._snippet, ""
        settings = self._settings
        if not snippet:
            if self._title and not self._title_used:
                self._chunks.append(self._title)
                self._title_used = True
            return
        if len(snippet) <= settings.size + settings.overlap:
            chunks = [snippet]
        else:
            chunks = RecursiveSplitter(settings.size, settings.overlap, False, ("\n\n", "\n", " ")).split(snippet)
        self._title_used = True
        for chunk in chunks:
            if self._title and self._title not in chunk:
                chunk = f"{self._title}\n{chunk}"
            self._chunks.append(chunk)

    def _heading(self, level: int, text: str) -> None:
        self._flush()
        title = f"{'#' * level} {text}"
        if self._settings.heading_hierarchy:
            self._titles = [*(self._titles + [""] * level)[: level - 1], title]
            title = "\n".join(filter(None, self._titles))
        self._title = title
        self._title_used = False

    def _list(self, tokens: list[Any], number: int | None) -> None:
        at = 0
        while at < len(tokens):
            end = _closing(tokens, at)
            prefix = "- " if number is None else f"{number}. "
            lines = "\n".join(self._nested(tokens[at + 1 : end], self._depth + 1))
            item = prefix + lines
            if self._depth:
                self._join(_indented(item, "  "))
            else:
                self._join(item)
                self._flush()
            number = None if number is None else number + 1
            at = end + 1

    def _table(self, tokens: list[Any]) -> None:
        rows: list[list[str]] = []
        for at, token in enumerate(tokens):
            if token.type == "tr_open":
                rows.append([])
            elif token.type in ("th_open", "td_open"):
                rows[-1].append(self._inline(tokens[at + 1 : at + 2]))
        header, body = rows[0], rows[1:]
        if not any(header) and body:
            header, body = body[0], body[1:]
        head = f"{_row(header)}\n{_row(['---'] * len(header))}"
        self._flush()
        if not body:
            self._join(head)
            self._flush()
        for row in body:
            line = _row(row)
            if not self._snippet or len(self._snippet) + len(line) >= self._settings.size:
                line = f"{head}\n{line}"
            self._join(line)
            if not self._settings.join_table_rows:
                self._flush()

    def _code(self, token: Any) -> None:
        if not self._settings.code_blocks:
            return
        code = token.content.removesuffix("\n")
        if token.type == "fence":
            self._join(f"{token.markup}{token.info.strip()}\n{code}\n{token.markup}")
        else:
            self._join(_indented(code, "    "))

    def _inline(self, tokens: list[Any]) -> str:
        if not tokens or tokens[0].type != "inline":
            return ""
        if self._settings.reference_links:
            return "".join(map(_rendered, _with_links(tokens[0].children or [])))
        return tokens[0].content


def _closing(tokens: list[Any], at: int) -> int:
    """Index of the token that closes the one at `at`; itself for one that holds nothing."""
    if tokens[at].nesting != 1:
        return at
    level = tokens[at].level
    for index in range(at + 1, len(tokens)):
        if tokens[index].nesting == -1 and tokens[index].level == level:
            return index
    return len(tokens) - 1


def _indented(text: str, indent: str) -> str:
    return "\n".join(indent + line for line in text.split("\n"))


def _row(cells: list[str]) -> str:
    return "|" + "".join(f" {cell} |" for cell in cells)


def _target(address: Any, title: Any) -> str:
    return f'({address} "{title}")' if title else f"({address})"


def _with_links(tokens: list[Any]) -> list[Any]:
    """Tokens with the text that closes each link in place of its closing token."""
    out: list[Any] = []
    opened: list[Any] = []
    for token in tokens:
        if token.type == "link_open":
            opened.append(token)
        if token.type == "link_close" and opened:
            start = opened.pop()
            out.append("]" + _target(start.attrGet("href"), start.attrGet("title")))
        else:
            out.append(token)
    return out


def _rendered(token: Any) -> str:
    if isinstance(token, str):
        return token
    if token.type in ("softbreak", "hardbreak"):
        return "\n" if token.type == "softbreak" else "  \n"
    if token.type == "link_open":
        return "["
    if token.type == "image":
        return f"![{token.content}]{_target(token.attrGet('src'), token.attrGet('title'))}"
    if token.type == "code_inline":
        return f"{token.markup}{token.content}{token.markup}"
    if token.type in ("em_open", "em_close", "strong_open", "strong_close"):
        return token.markup
    return token.content
