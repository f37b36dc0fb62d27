import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wippy.expression import Fault, compile_program

DATA = {
    "a": {"b": {"c": 5}, "list": [1, 2, 3]},
    "xs": [3, 1, 2],
    "people": [{"name": "Ada", "age": 36}, {"name": "Bob", "age": 17}, {"name": "Cy", "age": 36}],
    "s": "Hello",
    "n": None,
    "one": 1,
}


def run(text, **variables):
    return compile_program(text).run({**DATA, **variables})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # numbers
        ("1 + 2", 3),
        ("7 / 2", 3.5),
        ("4 / 2", 2.0),
        ("1 + 2 * 3 ** 2", 19.0),
        ("2 ^ 3 ^ 2", 512.0),
        ("-2 ** 2", -4.0),
        ("-5 % 3", -2),
        ("9223372036854775807 + 1", -9223372036854775808),
        ("0xFF + 0b11 + 0o7 + 1_000", 1265),
        (".5 + 1e2", 100.5),
        ("1 == 1.0", True),
        # texts
        ("'a' + \"b\" + `c\\n`", "abc\\n"),
        (r"'\x41B\u{43}\n'", "ABC\n"),
        ("'abc' contains 'b' and 'abc' startsWith 'a' and 'abc' endsWith 'c'", True),
        ("s matches '^H.*o$'", True),
        ("s not matches 'z'", True),
        ("n contains 'x'", False),
        # comparison and logic
        ("1 < 2 <= 2 < 3", True),
        ("1 < 2 < 2", False),
        ("not true or true", True),
        ("!(1 > 2) && true", True),
        ("true || missing.x", True),
        ("1 in xs", True),
        ("5 not in xs", True),
        ("'b' in a", True),
        ("1 in n", False),
        ("true ? 1 : false ? 2 : 3", 1),
        ("false ?: true", True),
        ("if one > 1 {'big'} else if one == 1 {'one'} else {'small'}", "one"),
        ("missing ?? 'd'", "d"),
        ("n ?? missing ?? 3", 3),
        # access
        ("a.b.c", 5),
        ('a["b"]["c"]', 5),
        ("xs[0] * 10 + xs[-1]", 32),
        ("missing", None),
        ("a.nothing", None),
        ("missing?.b.c", None),
        ("missing?.[0].x", None),
        ("a?.b?.c", 5),
        ("xs[1:]", [1, 2]),
        ("xs[:-1]", [3, 1]),
        ("s[1:3]", "el"),
        ("xs[5:9]", []),
        ("1..4", [1, 2, 3, 4]),
        ("$env['s']", "Hello"),
        ("{a: 1, 'b c': 2, (s): 3}", {"a": 1, "b c": 2, "Hello": 3}),
        ("[1, 'x', nil,]", [1, "x", None]),
        # let, pipe, sequence, comments
        ("let x = 2; let y = x * 3; x + y", 8),
        ("xs | filter(# > 1) | map(# * 2) | sum()", 10),
        ("# first\n1 // two\n + /* three */ 2 # end", 3),
        ("1; 2; 3", 3),
        # predicates
        ("filter(people, .age > 18) | map(.name)", ["Ada", "Cy"]),
        ("filter(xs, {# > 1})", [3, 2]),
        ("map(xs, #index)", [0, 1, 2]),
        ("all(xs, # > 0) and any(xs, # == 3) and one(xs, # == 3) and none(xs, # > 3)", True),
        ("count(xs, # > 1)", 2),
        ("count([true, false, true])", 2),
        ("find(people, .age == 17).name", "Bob"),
        ("findIndex(xs, # == 1)", 1),
        ("findLast(people, .age == 36).name", "Cy"),
        ("findLastIndex(xs, # > 5)", -1),
        ("find(xs, # > 5)", None),
        ("groupBy(people, .age)['36'] | map(.name)", ["Ada", "Cy"]),
        ("sortBy(people, .name, 'desc') | map(.name)", ["Cy", "Bob", "Ada"]),
        ("reduce(xs, #acc * 10 + #)", 312),
        ("reduce([], #acc + #, 7)", 7),
        ("sum(people, .age)", 89),
        ("map([[1, 2], [3]], {let m = 2; sum(#, # * m)})", [6, 6]),
        # functions
        ("[abs(-3), ceil(1.2), floor(-1.2), round(2.5), round(-2.5)]", [3, 2.0, -2.0, 3.0, -3.0]),
        ("[max(1, 2.5, 2), min([4, 3]), mean(1, 2), median([3, 1, 2])]", [2.5, 3, 1.5, 2.0]),
        ("[int('42'), int(3.9), float('1.5'), string(2.0), string([1, true])]", [42, 3, 1.5, "2", "[1 true]"]),
        ("[len(s), upper(s), lower(s), trim('  x '), trim('__x_', '_')]", [5, "HELLO", "hello", "x", "x"]),
        ("[trimPrefix('abc', 'a'), trimSuffix('abc', 'c')]", ["bc", "ab"]),
        ("split('a,b,c', ',', 2)", ["a", "b,c"]),
        ("splitAfter('a,b', ',')", ["a,", "b"]),
        ("join(['a', 'b'], '-') + join(['c'])", "a-bc"),
        ("replace('aaa', 'a', 'b', 2) + repeat('x', 3)", "bbaxxx"),
        ("[indexOf('abcb', 'b'), lastIndexOf('abcb', 'b'), indexOf('a', 'z')]", [1, 3, -1]),
        ("hasPrefix(s, 'He') and hasSuffix(s, 'lo')", True),
        ("[sort(xs), sort(xs, 'desc'), reverse(xs)]", [[1, 2, 3], [3, 2, 1], [2, 1, 3]]),
        ("[first(xs), last(xs), first([])]", [3, 2, None]),
        ("[take(xs, 2), concat(xs, [9]), flatten([1, [2, [3]]]), uniq([1, 2, 1])]",
         [[3, 1], [3, 1, 2, 9], [1, 2, 3], [1, 2]]),
        ("[keys({a: 1}), values({a: 1}), toPairs({a: 1}), fromPairs([['x', 2]])]", [["a"], [1], [["a", 1]], {"x": 2}]),
        ("[get(a, 'zz'), get(xs, 9), get(xs, 0), get(n, 'a')]", [None, None, 3, None]),
        ("map([nil, true, 1, 1.0, '', [], {}], type(#))", ["nil", "bool", "int", "float", "string", "array", "map"]),
        ("fromJSON(toJSON({a: [1, 2.5]})).a[1]", 2.5),
        ("fromBase64(toBase64(s))", "Hello"),
        ("date('2024-01-02') < date('2024-01-03') and date('2024-01-02') + duration('1h') > date('2024-01-01')", True),
        ("[bitand(6, 3), bitor(6, 3), bitxor(6, 3), bitnand(6, 3), bitnot(0), bitshl(1, 4)]", [2, 7, 5, 4, -1, 16]),
        ("[bitshr(-8, 1), bitushr(-1, 60)]", [-4, 15]),
    ],
)  # fmt: skip
def test_value(text, value):
    found = run(text)
    assert found == value
    assert type(found) is type(value)


def test_division_by_zero():
    assert run("1 / 0") == math.inf
    assert run("-1 / 0") == -math.inf
    assert math.isnan(run("0 / 0"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1 +", "unexpected token EOF (1:4)"),
        ("(1", "expected ')'"),
        ("nope(1)", "unknown name nope"),
        ("len()", "not enough arguments to call len"),
        ("len(1, 2)", "too many arguments to call len"),
        ("1 + 'a'", "mismatched types int and string"),
        ("'a", "literal not terminated"),
        ("1abc", "bad number syntax"),
        ("99999999999999999999", "integer literal is too large"),
        ("let x = 1; let x = 2; x", "cannot redeclare variable x"),
        ("let len = 1; len", "cannot redeclare builtin len"),
        ("s matches '('", "error parsing regexp"),
        ("a.f()", "values have no methods"),
        ("1 ?? 2 + 3", "cannot be mixed"),
        ("(" * 1000, "nested more than"),
        ("1" + "+1" * 20_000, "more than"),
        ("#", "unexpected token"),
        ("::", "unexpected token EOF (1:3)"),
    ],
)
def test_compile_error(text, reason):
    with pytest.raises(Fault) as caught:
        compile_program(text)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("missing + 1", "nil + int (1:9)"),
        ("missing.x", "cannot fetch x from nil"),
        ("xs[9]", "index out of range: 9 (array length is 3)"),
        ("one % 0", "integer divide by zero"),
        ("one && true", "needs bool, not int"),
        ("filter(xs, #)", "predicate must give bool"),
        ("map(s, #)", "needs an array"),
        ("reduce([], # + #acc)", "no initial value"),
        ("int('x')", "int('x')"),
        ("fromJSON('{')", "fromJSON"),
        ("max([])", "not enough arguments"),
        ("one < s", "int < string"),
        ("map(1..100000, map(1..100000, #))", "memory budget exceeded"),
        ("repeat(repeat('x', 1000000), 1000000)", "memory budget exceeded"),
        ("all(1..1000, all(1..1000, all(xs, all(xs, true))))", "steps"),
    ],
)
def test_run_error(text, reason):
    program = compile_program(text)
    with pytest.raises(Fault) as caught:
        program.run(DATA)
    assert reason in str(caught.value)


def test_the_line_of_a_failure_is_shown():
    with pytest.raises(Fault) as caught:
        compile_program("1 +\n  missing.x +\n  'a' * 2")
    assert str(caught.value).endswith("(3:7)\n |   'a' * 2\n | ......^")


def test_known_variables_are_checked():
    compile_program("a + 1 > 2 and (later ?? b) == nil", {"a": 1, "b": None, "later": {}})
    for text, reason in [
        ("a + b", "unknown name b"),
        ("a + 'x'", "mismatched types int and string"),
        ("a ? 1 : 2", "non-bool expression (type int)"),
        ("a.x", "type int has no field"),
        ("let a = 1; a", "cannot redeclare a"),
    ]:
        with pytest.raises(Fault) as caught:
            compile_program(text, {"a": 1})
        assert reason in str(caught.value)


_TEXT = r"""a b xs 1 2.5 'x' ` + - * / % ** ( ) [ ] { } . ?. .. , ; : ? ?: ?? | || && ! not in let x = if else # filter(
map( len( nil true matches == < > // /* */ "\" $env ::"""
_PIECES = st.sampled_from([*_TEXT.split(), "\n"])


@given(st.lists(_PIECES, max_size=25))
def test_no_text_does_more_than_fail(pieces):
    with contextlib.suppress(Fault):
        compile_program(" ".join(pieces)).run(DATA)
