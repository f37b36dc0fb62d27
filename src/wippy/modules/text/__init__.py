"""The module `text`."""

from __future__ import annotations

import itertools
from array import array
from typing import Any

from wippy.errors import INVALID, LIMIT_EXCEEDED, WippyError
from wippy.modules.caller import Call
from wippy.modules.module import Module
from wippy.modules.text import diff, markdown, splitter
from wippy.regex import ExpressionError, compile_expression

__all__ = ["text"]

MAX_EDGES = 10_000_000
"""Places in a text that one search may give: what is found must not fill the memory."""

text = Module("text", classes={"deterministic"}, lua=("regexp.lua", "diff.lua", "splitter.lua"))

text.lua_function("regexp.compile(pattern: string)", doc="A Regexp in RE2 notation. Errors: INVALID.")
for _signature in (
    "match_string(s: string)",
    "find_string(s: string)",
    "find_all_string(s: string)",
    "find_string_submatch(s: string)",
    "find_all_string_submatch(s: string)",
    "find_string_index(s: string)",
    "find_all_string_index(s: string)",
    "replace_all_string(s: string, replacement: string)",
    "split(s: string, n?: integer)",
    "num_subexp()",
    "subexp_names()",
    "string()",
):
    text.lua_method("Regexp", _signature)
text.lua_function("diff.new(options?: table)", doc="A Differ.")
for _signature in (
    "compare(a: string, b: string)",
    "summarize(diffs: table)",
    "pretty_text(diffs: table)",
    "pretty_html(diffs: table)",
    "patch_make(a: string, b: string)",
    "patch_apply(patches: table, s: string)",
):
    text.lua_method("Differ", _signature)
text.lua_function("splitter.recursive(options?: table)", doc="A Splitter that cuts at separators.")
text.lua_function("splitter.markdown(options?: table)", doc="A Splitter that cuts Markdown at its blocks.")
text.lua_method("Splitter", "split_text(s: string)")
text.lua_method("Splitter", "split_batch(pages: table)")


@text.function(name="_compile", single=True, large=10_000)
def compiled(call: Call, pattern: bytes) -> list[str]:
    try:
        return list(compile_expression(pattern).names)
    except ExpressionError as error:
        raise WippyError(INVALID, f"error parsing regexp: {error}", context="regex compile error") from None


@text.function(name="_match", single=True, large=50_000)
def matched(call: Call, pattern: bytes, subject: bytes) -> bool:
    try:
        return compile_expression(pattern).found(subject)
    except ExpressionError as error:
        raise WippyError(LIMIT_EXCEEDED, error.reason) from None


@text.function(name="_spans", single=True, large=50_000)
def spans(call: Call, pattern: bytes, subject: bytes, limit: int) -> bytes:
    """First and last byte of each group of each match, from 1, as integers of 32 bits; 1 and 0 for a group that took
    no part.
    """
    found = compile_expression(pattern).spans(subject)
    edges = array("i")
    try:
        for groups in itertools.islice(found, limit if limit >= 0 else None):
            for first, last in groups:
                edges.extend((first + 1, last) if first >= 0 else (1, 0))
            if len(edges) > MAX_EDGES:
                raise WippyError(LIMIT_EXCEEDED, f"more than {MAX_EDGES // 2} matches and groups")
    except ExpressionError as error:
        raise WippyError(LIMIT_EXCEEDED, error.reason) from None
    return edges.tobytes()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace") if isinstance(value, bytes) else ""


def _options(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _diffs(value: Any) -> list[diff.Diff]:
    items = value if isinstance(value, list) else []
    return [
        (item["operation"], _text(item.get("text")))
        for item in items
        if isinstance(item, dict) and str(item.get("operation")) in diff.OPERATIONS
    ]


def _shown(diffs: list[diff.Diff]) -> list[dict[str, str]]:
    return [{"operation": operation, "text": content} for operation, content in diffs]


@text.function(name="_compare", large=400)
def compare(call: Call, options: Any, a: Any, b: Any) -> list[dict[str, str]]:
    return _shown(diff.Differ(_options(options), not call.workflow).compare(_text(a), _text(b)))


@text.function(name="_patch_make", large=400)
def patch_make(call: Call, options: Any, a: Any, b: Any) -> list[dict[str, str]]:
    return [{"text": one} for one in diff.Differ(_options(options), not call.workflow).patches(_text(a), _text(b))]


@text.function(name="_patch_apply", large=2000)
def patch_apply(call: Call, options: Any, patches: Any, subject: Any) -> tuple[str, bool]:
    items = patches if isinstance(patches, list) else []
    texts = [_text(item.get("text")) for item in items if isinstance(item, dict)]
    return diff.Differ(_options(options), not call.workflow).apply(texts, _text(subject))


@text.function(name="_summarize", single=True, large=200_000)
def summarize(call: Call, diffs: Any) -> dict[str, int]:
    return diff.summary(_diffs(diffs))


@text.function(name="_pretty_text", large=100_000)
def pretty_text(call: Call, diffs: Any) -> str:
    return diff.as_terminal_text(_diffs(diffs))


@text.function(name="_pretty_html", large=100_000)
def pretty_html(call: Call, diffs: Any) -> str:
    return diff.as_html(_diffs(diffs))


@text.function(name="_split_recursive", large=50_000)
def split_recursive(call: Call, options: Any, subject: Any) -> list[str]:
    return splitter.recursive(_options(options)).split(_text(subject))


@text.function(name="_split_markdown", large=5_000)
def split_markdown(call: Call, options: Any, subject: Any) -> list[str]:
    return markdown.split(_text(subject), _options(options))
