"""The math library."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lua_base import error, make_vm, run, text

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("math.floor(3.7)", "3"),
        ("math.floor(-3.5)", "-4"),
        ("math.ceil(3.2)", "4"),
        ("math.abs(-5), math.abs('-2.5'), math.abs(0)", "5 2.5 0"),
        ("math.max(1, 5, 3), math.min(4, 2), math.max(7)", "5 2 7"),
        ("math.huge", "1.7976931348623157e+308"),
        ("math.maxinteger, math.mininteger", "9223372036854775807 -9223372036854775808"),
        ("math.sqrt(16), math.pow(2, 10), math.exp(0)", "4 1024 1"),
        ("math.log(8, 2) == math.log(8), math.log10(1000)", "true 3"),
        ("math.fmod(-5, 3), math.mod(5, 3), math.fmod(1, 0)", "-2 2 NaN"),
        ("math.modf(3.5)", "3 0.5"),
        ("math.modf(-3.5)", "-3 -0.5"),
        ("math.modf(1/0)", "+Inf 0"),
        ("math.frexp(8)", "0.5 4"),
        ("math.frexp(0)", "0 0"),
        ("math.ldexp(0.5, 4)", "8"),
        ("math.deg(math.pi), math.rad(180) == math.pi", "180 true"),
        ("math.atan2(1, 1) == math.pi / 4, math.atan(1) == math.pi / 4", "true true"),
        (
            "math.tointeger(3.0), math.tointeger('8'), math.tointeger(3.5), math.tointeger('x'), math.tointeger({})",
            "3 8 nil nil nil",
        ),
        ("math.type(1), math.type(1.0), math.type('1'), math.type(nil)", "integer float nil nil"),
        ("math.ult(1, -1), math.ult(-1, 1)", "true false"),
        ("math.type(math.abs(1)), math.type(math.max(1, 2)), math.type(math.fmod(5, 3))", "float float float"),
        ("math.random(3, 3), math.random(1), type(math.randomseed)", "3 1 function"),
        ("math.tanh(100), math.tanh(-100), math.cosh(0)", "1 -1 1"),
        ("math.nothing", "nil"),
    ],
)
def test_values(source: str, result: str) -> None:
    assert text("return " + source) == result


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("floor('x')", "bad argument #1 to floor (number expected, got string)"),
        ("sin()", "bad argument #1 to sin (number expected, got nil)"),
        ("max()", "wrong number of arguments to max"),
        ("min()", "wrong number of arguments to min"),
        ("max(1, {})", "bad argument #2 to max (number expected, got table)"),
        ("max({})", "bad argument #1 to max (number expected, got table)"),
        ("random(0)", "bad argument #1 to random (interval is empty)"),
        ("random(2, 1)", "bad argument #2 to random (interval is empty)"),
        ("type()", "bad argument #1 to type (value expected)"),
    ],
)
def test_errors(call: str, message: str) -> None:
    assert error("math." + call) == "test:code:1: " + message


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("7 // 2, -7 // 2, 7.9 // 2", "3 -4 3"),
        ("5 % -3, -5 % 3, 5 % 0", "-1 1 NaN"),
        ("math.maxinteger + 1 == math.mininteger, math.maxinteger * 2", "true -2"),
        ("math.type(1 + 1), math.type(2 * 3), math.type(4 / 2), math.type(2 ^ 2)", "integer integer float float"),
        ("1 / 0, -1 / 0, 0 / 0", "+Inf -Inf NaN"),
        (
            "3.0, 1e15, 1234567.5, 0.00001, 3.0 .. '', ({[2] = 'two'})[2.0]",
            "3 1000000000000000 1.2345675e+06 1e-05 3 two",
        ),
    ],
)
def test_arithmetic(source: str, result: str) -> None:
    assert text("local x = 0 return " + source) == result


def test_integer_division_by_zero() -> None:
    assert error("local x = 0 local y = 1 // x") == "test:code:1: attempt to divide by zero"


def test_random_stays_in_its_range() -> None:
    assert run(
        "for i = 1, 200 do local r, n = math.random(), math.random(-2, 2) "
        "if r < 0 or r >= 1 or n < -2 or n > 2 then return false end end return true"
    )


def test_a_workflow_repeats_its_random_numbers() -> None:
    draw = "return math.random(1000000), math.random(1000000)"
    first = run(draw, vm=make_vm(workflow=True, random_seed=(7, 8)))
    assert first == run(draw, vm=make_vm(workflow=True, random_seed=(7, 8)))
    assert first != run(draw, vm=make_vm(workflow=True, random_seed=(7, 9)))


@given(FINITE)
def test_frexp_and_ldexp(x: float) -> None:
    assert run("return math.frexp(...)", x) == math.frexp(x)
    assert run("return math.ldexp(math.frexp(...))", x) == x


@given(st.floats(-2, 2), st.integers(-1200, 1000))
def test_ldexp_rounds_once(m: float, e: int) -> None:
    assert run("return math.ldexp(...)", m, e) == math.ldexp(m, e)


@given(st.floats(-700, 700), st.sampled_from(["sinh", "cosh", "tanh"]))
def test_hyperbolic(x: float, name: str) -> None:
    assert run(f"return math.{name}(...)", x) == pytest.approx(getattr(math, name)(x), rel=1e-14, abs=0)
