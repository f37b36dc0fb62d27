"""text: regular expressions, differences, splitters."""
# ruff: noqa: E501 - Lua code in the tests is easier to read on one line

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wippy.modules.text.splitter import RecursiveSplitter, _pieces
from wippy.regex import _rewrite, compile_expression

from .harness import Lua, LuaFailure


@pytest.fixture(scope="module")
def lua() -> Lua:
    return Lua()


def run(lua: Lua, body: str) -> Any:
    return lua.call(
        f'local text = require("text") local re = function(p) return assert(text.regexp.compile(p)) end {body}'
    )


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ('re"b+":match_string("abbc")', True),
        ('re"b+":find_string("abbc")', "bb"),
        ('re"b+":find_string("ac")', None),
        ('re"b*":find_string("ac")', None),
        ('re"b*":find_string_index("ac")', [1, 0]),
        ('re"b+":find_string_index("abbc")', [2, 3]),
        ('re"é":find_string_index("aéb")', [2, 3]),
        ('re"b+":find_string_index("ac")', None),
        ('re"%d":find_all_string("%d")', ["%d"]),
        ('re"x":find_all_string("abc")', []),
        ('re"x":find_all_string_index("abc")', None),
        ('re"a*":find_all_string_index("baac")', [[1, 0], [2, 3], [5, 4]]),
        ('re"(a)(x)?":find_string_submatch("ba")', ["a", "a", ""]),
        ('re"(a)":find_string_submatch("b")', None),
        ('re"(.)=(.)":find_all_string_submatch("a=1,b=2")', [["a=1", "a", "1"], ["b=2", "b", "2"]]),
        ('re"(x)":find_all_string_submatch("b")', []),
        ('re"(?P<k>.)=(.)":replace_all_string("a=1", "$2:${k}:$k1:$$:$9:%1:\\\\1")', "1:a::$::%1:\\1"),
        ('re"(.)=(.)":replace_all_string("a=1", "${1}x$")', "ax$"),
        ('re"a*":replace_all_string("baac", "-")', "-b-c-"),
        ('re",":split("a,b,c")', ["a", "b", "c"]),
        ('re",":split("a,b,c", 2)', ["a", "b,c"]),
        ('re",":split("a,b,c", 0)', []),
        ('re",":split("")', [""]),
        ('re"":split("abc")', ["a", "b", "c"]),
        ('re"b*":split("abc")', ["a", "c"]),
        ('re",":split(",a,")', ["", "a", ""]),
        ('re"(?P<y>a)(b)":subexp_names()', ["", "y", ""]),
        ('re"(a)(b)":num_subexp()', 2.0),
        ('re"(a)":string()', "(a)"),
        (
            'type(re"a") .. tostring(re"a") .. type(re"a".find_string) .. tostring(re"a".nothing)',
            "userdatatext.Regexp{}functionnil",
        ),
    ],
)
def test_regexp(lua: Lua, expression: str, result: object) -> None:
    assert run(lua, f"return {expression}") == result


def test_regexp_on_pythons_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    compile_expression.cache_clear()
    monkeypatch.setattr("wippy.modules.text.compile_expression", _rewrite)
    assert run(Lua(), 'return re"(?i)(É)(x)?":find_string_submatch("aé")') == ["é", "é", ""]


@pytest.mark.parametrize("method", ["match_string", "find_all_string", "split"])
def test_a_search_too_costly_without_the_package(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    monkeypatch.setattr("wippy.modules.text.compile_expression", _rewrite)
    monkeypatch.setattr("wippy.regex_machine.MAX_VISITED", 1000)
    with pytest.raises(LuaFailure, match="test:1: too costly for this text without the package google-re2"):
        run(Lua(), f'local x = re"(a*)*(a*)*b":{method}(("a"):rep(2000))')


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(", "missing closing ): `(`"), ("a)", "unexpected ): `a)`"), ("[a", "missing closing ]: `[a`"),
        (r"\\8", r"invalid escape sequence: `\8`"), ("[z-a]", "invalid character class range: `z-a`"),
        ("a{1001}", "invalid repeat count: `{1001}`"), ("*a", "missing argument to repetition operator: `*`"),
        ("(?P<n", "invalid named capture: `(?P<n`"), ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
        (r"a\\", "trailing backslash at end of expression: ``"),
    ],
)  # fmt: skip
def test_an_invalid_pattern(lua: Lua, pattern: str, words: str) -> None:
    got = run(
        lua,
        f'local r, e = text.regexp.compile("{pattern}") return r, e:kind(), e:message(), e:context(), e:retryable()',
    )
    assert got == [None, "Invalid", f"error parsing regexp: {words}", "regex compile error", False]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("text.regexp.compile({})", r"bad argument #1 to compile \(string expected, got table\)"),
        ('re"a":find_string()', r"bad argument #2 to find_string \(string expected, got nil\)"),
        ('re"a".split("x", "y")', r"bad argument #1 to split \(text.Regexp expected, got string\)"),
        ('text.diff.new():compare("a")', r"bad argument #3 to compare \(string expected, got nil\)"),
        ("text.splitter.recursive():split_text({})", r"bad argument #2 to split_text \(string expected, got table\)"),
        ("text.regexp.find(1)", "nil value"),
    ],
)
def test_wrong_arguments_point_at_the_call(lua: Lua, code: str, words: str) -> None:
    with pytest.raises(LuaFailure, match="test:1: .*" + words):
        run(lua, f"local x = {code}")


def test_diff(lua: Lua) -> None:
    got = run(
        lua,
        r"""
        local d = text.diff.new{diff_timeout = 0, match_threshold = 7, patch_margin = "x"}
        local diffs, none = d:compare("the é cat", "the é <dog>")
        return diffs, none, d:compare("", ""), d:compare("a", "a"), d:summarize(diffs), d:pretty_html(diffs),
          (d:pretty_text{{operation = "insert", text = "a\nb"}, {operation = "delete", text = "c"}, {operation = "?", text = "x"}, 5})
        """,
    )
    diffs = [
        {"operation": "equal", "text": "the é "},
        {"operation": "delete", "text": "cat"},
        {"operation": "insert", "text": "<dog>"},
    ]
    assert got[0] == diffs
    assert got[1:4] == [None, [], [{"operation": "equal", "text": "a"}]]
    assert got[4] == {"equals": 7, "deletions": 3, "insertions": 5}
    assert got[5] == (
        '<span>the é </span><del style="background:#ffe6e6;">cat</del>'
        '<ins style="background:#e6ffe6;">&lt;dog&gt;</ins>'
    )
    assert got[6] == "\x1b[32ma\x1b[0m\n\x1b[32mb\x1b[0m\x1b[31mc\x1b[0m"


def test_html_shows_line_breaks(lua: Lua) -> None:
    got = run(lua, r'return (text.diff.new():pretty_html{{operation = "equal", text = "a\n\"b\""}})')
    assert got == "<span>a&para;<br>&#34;b&#34;</span>"


async def test_patches(lua: Lua) -> None:
    got = await lua.run(
        r"""
        local d = require("text").diff.new()
        local patches = d:patch_make("the quick fox", "the slow fox")
        local made, all = d:patch_apply(patches, "see the quick fox")
        patches[#patches + 1] = {text = "nonsense"}
        local again, still = d:patch_apply(patches, "the quick fox")
        local other, applied = d:patch_apply(patches, "completely different text")
        local long = ("word "):rep(5000)
        return patches[1].text, made, all, again, still, other, applied, #d:compare(long, long .. "x"), #(d:patch_make(long, long .. "x"))
        """
    )
    assert got[0].startswith("@@ -")
    assert got[1:] == ["see the slow fox", True, "the slow fox", True, "completely different text", False, 2, 1]


def recursive(lua: Lua, options: str, text: str) -> list[str]:
    return run(lua, f"return (text.splitter.recursive({options}):split_text([==[{text}]==]))")


def test_recursive_splitter(lua: Lua) -> None:
    assert recursive(lua, "", "") == []
    assert recursive(lua, "", "  short ") == ["short"]
    assert recursive(lua, "{chunk_size = 10, chunk_overlap = 0}", "aaa bbb ccc ddd") == ["aaa bbb", "ccc ddd"]
    assert recursive(lua, "{chunk_size = 10, chunk_overlap = 4}", "aaa bbb ccc ddd") == [
        "aaa bbb",
        "bbb ccc",
        "ccc ddd",
    ]
    assert recursive(lua, "{chunk_size = 4, chunk_overlap = 0}", "ééééééé") == ["éééé", "ééé"]
    assert recursive(lua, "{chunk_size = 8, chunk_overlap = 0}", "one\n\ntwo three\nfour") == [
        "one",
        "two",
        "three",
        "four",
    ]
    assert recursive(lua, '{chunk_size = 4, chunk_overlap = 0, separators = {","}, keep_separator = true}', "aa,bb,cc") == [
        "aa", ",bb", ",cc"
    ]  # fmt: skip
    assert recursive(lua, '{chunk_size = 3, separators = {","}}', "abcdef,x") == ["abcdef", "x"]
    assert recursive(lua, '{chunk_size = "x", separators = {}, chunk_overlap = {}}', "a b") == ["a b"]


@settings(max_examples=300, deadline=None)
@given(
    st.text("ab \n,é", max_size=80),
    st.integers(1, 20),
    st.integers(0, 12),
    st.booleans(),
    st.lists(st.sampled_from(["\n\n", "\n", " ", "", ",", "aa", "ab"]), min_size=1, max_size=4, unique=True),
    st.integers(1, 9),
)
def test_a_text_cut_a_part_at_a_time(
    text: str, size: int, overlap: int, keep: bool, separators: list[str], slab: int
) -> None:
    splitter = RecursiveSplitter(size, overlap, keep, tuple(separators))
    whole = splitter.split(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wippy.modules.text.splitter._SLAB", slab)
        assert splitter.split(text) == whole
    for separator in separators:
        assert separator == "" or list(_pieces(text, separator)) == text.split(separator)


def test_split_batch(lua: Lua) -> None:
    got = run(
        lua,
        """
        local meta = {page = 1}
        local s = text.splitter.recursive{chunk_size = 4, chunk_overlap = 0}
        local out, none = s:split_batch{{content = "aaa bbb", metadata = meta}, 5, {content = ""}, {content = "c"}}
        return out, out[1].metadata == meta and out[2].metadata == meta, none
        """,
    )
    assert got[:2] == [
        [{"content": "aaa", "metadata": {"page": 1}}, {"content": "bbb", "metadata": {"page": 1}},
         {"content": "c", "metadata": []}],
        True,
    ]  # fmt: skip


MARKDOWN = """# Title

Intro *text* with a [link][r].

## Part

- one
- two
  - inner

1. first
2. second

> quoted
> lines

| a | b |
|---|---|
| 1 | 2 |
| 3 | 4 |

```lua
code()
```

---

## Empty

<div>html</div>

[r]: http://x.example "T"
"""


def markdown(lua: Lua, options: str = "") -> list[str]:
    return run(lua, f"return (text.splitter.markdown({options}):split_text([==[{MARKDOWN}]==]))")


def test_markdown_splitter(lua: Lua) -> None:
    assert markdown(lua) == [
        "# Title\nIntro *text* with a [link][r].",
        "## Part\n- one",
        "## Part\n- two\n  - inner",
        "## Part\n1. first",
        "## Part\n2. second",
        "## Part\n> quoted\n> lines",
        "## Part\n| a | b |\n| --- | --- |\n| 1 | 2 |",
        "## Part\n| a | b |\n| --- | --- |\n| 3 | 4 |",
        "## Part\n---",
        "## Empty",
    ]


def test_markdown_options(lua: Lua) -> None:
    got = markdown(
        lua, "{code_blocks = true, reference_links = true, heading_hierarchy = true, join_table_rows = true}"
    )
    assert got[0] == '# Title\nIntro *text* with a [link](http://x.example "T").'
    assert got[1] == "# Title\n## Part\n- one"
    assert got[6] == ("# Title\n## Part\n| a | b |\n| --- | --- |\n| 1 | 2 |\n| 3 | 4 |\n```lua\ncode()\n```\n---")
    assert got[7:] == ["# Title\n## Empty"]


def test_a_long_markdown_paragraph_is_cut(lua: Lua) -> None:
    got = run(
        lua,
        'return (text.splitter.markdown{chunk_size = 20, chunk_overlap = 5}:split_text("# T\\n\\n" .. ("word "):rep(12)))',
    )
    assert len(got) > 2
    assert all(chunk.startswith("# T\n") and len(chunk) <= 24 for chunk in got)


def test_large_arguments_stay_nowhere(lua: Lua) -> None:
    got = run(lua, 'local s = ("word "):rep(60000) return re"wo(r)d x?":match_string(s), #re"w":find_all_string(s)')
    assert got == [True, 60000]
    assert lua.bindings.handles.count() == 0
