"""Both engines of regular expressions: the same matches, the same complaints."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wippy.regex import Expression, ExpressionError, _rewrite, compile_expression

pytest.importorskip("re2")

TEXTS = [
    b"",
    b"abc",
    b"aXbXc\n",
    "é a_b-1 \n\tzé".encode(),
    b"foo.bar(baz)",
    b"aaa",
    b"A\nB\n",
    b"x=1,y=22",
    "ÉéE".encode(),
]
EXPRESSIONS = [
    "a*",
    "",
    "$",
    "(?m)$",
    r"(?m)^\w",
    "a(?i)x|B",
    "(?i)é",
    "(?i:e)|E",
    "[[:alpha:]]+",
    "[[:^alpha:]]+",
    r"[^\d\s]+",
    r"\bb",
    r"\Q.b\E",
    r"(?P<k>\w)=(?P<v>\d+)",
    r"(?<k>\w)=(\d)?",
    "(?U)a+",
    "(?U)a+?",
    "a{2}",
    "a{,2}",
    r"\x{e9}",
    ".",
    "(?s).",
    "[]a]",
    "[a-]",
    "[^]a]",
    r"\S+",
    r"[\W]",
    "a|ab|abc",
    r"\z",
    r"\A.",
    r"[\x61-c]",
    "(a)|(b)",
    "é",
    r"\141",
    "a??",
    r"(?i)(a(?-i)B|x)",
    r"\Bb",
    r"[.\-\]]",
    r"\.",
    "(|a)",
    "(?:a|b)+",
    "a$*",
    r"^+a|\z?b",
    r"\B",
    "(((?:(?:a)*?)*))",
    r"(?:((?:\w)*?)){2,}$",
    r"(?:(a)?){2,}",
]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_same_matches(expression: str) -> None:
    source = expression.encode()
    native, rewritten = compile_expression(source), _rewrite(source)
    assert (native.groups, native.names) == (rewritten.groups, rewritten.names)
    for text in TEXTS:
        found = list(native.spans(text))
        assert list(rewritten.spans(text)) == found, text
        assert native.found(text) == rewritten.found(text) == bool(found), text


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_the_patient_engine_finds_the_same(expression: str) -> None:
    native, machine = compile_expression(expression.encode()), _rewrite(expression.encode())
    for text in TEXTS:
        found = list(native.spans(text))
        machine._pattern.search = machine._pattern._search  # whatever it would cost
        assert list(machine.spans(text)) == found, text


ATOMS = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", "c", r"\w", r"\d"])
FULL = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"(?:{'|'.join(parts)})"),
        inner.map("({})".format),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{0,2}?"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        ),
    ),
    max_leaves=8,
)


@settings(max_examples=400, deadline=None)
@given(FULL, st.text("abc1", max_size=12), st.sampled_from(["", "^", "(?i)"]), st.sampled_from(["", "$", r"\b"]))
def test_any_expression_on_both_engines(middle: str, text: str, before: str, after: str) -> None:
    source = (before + middle + after).encode()
    native, machine = compile_expression(source), _rewrite(source)
    machine._pattern.search = machine._pattern._search
    assert [spans[0] for spans in machine.spans(text.encode())] == [spans[0] for spans in native.spans(text.encode())]


def complaint(make: object, source: bytes) -> str:
    with pytest.raises(ExpressionError) as caught:
        make(source)  # type: ignore[operator]
    return caught.value.reason


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("(", "missing closing )"),
        (")", "unexpected )"),
        ("[a", "missing closing ]"),
        (r"\8", "invalid escape sequence"),
        ("[z-a]", "invalid character class range"),
        ("a{1001}", "invalid repeat count"),
        ("a{2,1}", "invalid repeat count"),
        ("*a", "missing argument to repetition operator"),
        ("a**", "invalid nested repetition operator"),
        ("a++", "invalid nested repetition operator"),
        ("(?P<n", "invalid named capture"),
        ("a\\", "trailing backslash"),
        ("(?=a)", "invalid or unsupported Perl syntax"),
        ("(?!a)", "invalid or unsupported Perl syntax"),
        ("(?q)", "invalid or unsupported Perl syntax"),
        (r"(a)\1", "invalid escape sequence"),
        ("[[:foo:]]", "invalid character class range"),
        ("(?>a)", "invalid or unsupported Perl syntax"),
    ],
)
def test_same_complaints(source: str, reason: str) -> None:
    assert complaint(compile_expression, source.encode()).startswith(reason)
    assert complaint(_rewrite, source.encode()).startswith(reason)


def test_unicode_classes_need_the_package() -> None:
    assert compile_expression(rb"^\p{Greek}$").found("α".encode())
    assert "pip install 'wippy[re2]'" in complaint(_rewrite, rb"\p{Greek}")


def test_bytes_that_are_no_text_do_not_disturb_offsets() -> None:
    text = b"\xffa\xffb"
    for make in (compile_expression, _rewrite):
        found: Expression = make(b"[ab]")
        assert [spans[0] for spans in found.spans(text)] == [(1, 2), (3, 4)]


@pytest.mark.parametrize(
    "source", ["(a+)+$", "(a|aa)+$", "(.*)*x", "(a?){40}a{40}", "a*a*a*a*a*b", "(a*)*(a*)*b", "(?:a|a)" * 40 + "b"]
)
def test_no_expression_takes_for_ever(source: str) -> None:
    before = time.process_time()
    found = _rewrite(source.encode()).found(b"a" * 300 + b"!")
    assert found == compile_expression(source.encode()).found(b"a" * 300 + b"!")
    assert time.process_time() - before < 20  # the usual engine would take longer than the universe


def test_a_search_that_would_fill_the_memory_is_an_error() -> None:
    with pytest.raises(ExpressionError, match="google-re2"):
        _rewrite(rb"(\w+\s*)*(\w+\s*)*x").found(b"word " * 200_000)


def test_ordinary_searches_are_done_by_the_usual_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wippy.regex_machine.Guarded._search", None)
    assert _rewrite(rb"\d+").found(b"x" * 5000 + b"1")
    assert _rewrite(rb"^[a-z]+-(?:one|two)$").found(b"stage-two")
