"""Structured errors and the texts of run-time errors."""

from __future__ import annotations

import pytest
from lua_base import error, run, text


def test_constants() -> None:
    source = "local t = {} for k, v in pairs(errors) do if type(v) == 'string' then t[#t + 1] = k .. '=' .. v end end \
        table.sort(t) return table.concat(t, ' ')"
    assert run(source) == (
        b"ALREADY_EXISTS=AlreadyExists CANCELED=Canceled CONFLICT=Conflict INTERNAL=Internal INVALID=Invalid "
        b"NOT_FOUND=NotFound PERMISSION_DENIED=PermissionDenied RATE_LIMITED=RateLimited TIMEOUT=Timeout "
        b"UNAVAILABLE=Unavailable UNKNOWN="
    )


def test_a_plain_error() -> None:
    source = "local e = errors.new('x') return type(e), e:kind(), e:message(), e:retryable(), e:details(), tostring(e)"
    assert run(source) == (b"userdata", b"", b"x", None, None, b"x")


def test_all_fields() -> None:
    source = """
        local e = errors.new({message = "m", kind = errors.TIMEOUT, retryable = false, details = {a = 1, b = 2.5}})
        local d = e:details()
        d.a = 9
        return e:kind(), e:retryable(), e:details().a, math.type(e:details().a), e:details().b
    """
    assert run(source) == (b"Timeout", False, 1, b"integer", 2.5)


def test_details_are_plain_and_apart() -> None:
    source = """
        local given = {list = {1, 2, x = 3, [true] = 4}, [1] = "dropped", f = print, ok = true, e = errors.new("cause")}
        local e = errors.new({message = "m", details = given})
        given.list[1] = "changed"
        local d = e:details()
        return d[1], d.list[1], d.list[2], d.list.x, d.list[true], type(d.f), d.ok, d.e
    """
    assert run(source) == (None, 1, 2, 3, None, b"string", True, b"cause")
    assert run("return errors.new({message = 'm', details = {}}):details()") is None


def test_wrongly_typed_fields_are_ignored() -> None:
    source = "local e = errors.new({message = 'm', kind = 5, retryable = 'yes', details = 'no'}) \
        return e:kind(), e:retryable(), e:details()"
    assert run(source) == (b"", None, None)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("errors.new()", "expected string or table"),
        ("errors.new(true)", "expected string or table"),
        ("errors.new({})", "message field is required"),
        ("errors.new({message = 5})", "message must be a string"),
        ("errors.wrap({}, 'x')", "expected string or error object"),
        ("errors.wrap('x', {})", "expected string or error object"),
        ("errors.is(errors.new('x'))", "bad argument #2 to is (string expected, got nil)"),
        ("errors.new('x').y = 1", "cannot assign"),
        ("errors.new('x').message()", "error expected"),
    ],
)
def test_bad_use(source: str, message: str) -> None:
    found = error(source)
    assert message in found
    assert found.startswith("test:code:1: ")


def test_wrap() -> None:
    source = """
        local root = errors.new({message = "root", kind = "Timeout", retryable = true, details = {a = 1}})
        local one = errors.wrap(root, "first")
        local two = errors.wrap(one, errors.new("second"))
        return one:message(), two:message(), two:kind(), two:retryable(), two:details().a, one ~= root, two:stack()
    """
    *rest, stack = run(source)
    assert rest == [b"root", b"first: root", b"Timeout", True, 1, True]
    lines = stack.decode().split("\n")
    assert lines[0] == "second"
    assert "first" in lines
    assert any(line.startswith("  test:code:4 (") for line in lines)
    assert any(line.startswith("  test:code:2 (") for line in lines)
    assert "wippy." not in stack.decode()
    assert run("local e = errors.wrap('text', 'c') return e:message(), e:kind(), e:retryable()") == (b"text", b"", None)


def test_is_and_call_stack() -> None:
    assert run("return errors.is(errors.new({message = 'm', kind = 'Timeout'}), errors.TIMEOUT)") is True
    assert run("return errors.is('Timeout', 'Timeout'), errors.is(nil, '')") == (False, False)
    source = """
        local function make() return (errors.new("x")) end
        local stack = errors.call_stack(make())
        local f = stack.frames[1]
        return type(stack.thread), f.source, f.line, f.name, errors.call_stack("x")
    """
    assert run(source) == (b"string", b"test:code", 2, b"make", None)


def test_errors_as_text() -> None:
    source = """
        local err = errors.new("m")
        return "a" .. err, err .. "b", 1 .. err, err .. 1.0, err .. err, table.concat({"x", err}, ","), tostring(err)
    """
    assert run(source) == (b"am", b"mb", b"1m", b"m1", b"mm", b"x,m", b"m")
    assert "cannot perform concat operation between userdata and table" in error("return errors.new('x') .. {}")
    assert "cannot perform concat operation between nil and userdata" in error("return nil .. errors.new('x')")


def test_identity_through_protected_calls() -> None:
    source = """
        local e, t = errors.new("x"), {}
        local function twice(v) local _, r = pcall(function() local _, i = pcall(error, v) error(i) end) return r end
        return rawequal(twice(e), e), rawequal(twice(t), t), twice(5), twice(nil), twice("s")
    """
    assert run(source) == (True, True, 5, None, b"test:code:3: s")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("error('x')", "test:code:1: x"),
        ("error('x', 0)", "x"),
        ("local function f() error('x', 2) end\nf()", "test:code:2: x"),
        ("return nil + 1", "test:code:1: cannot perform add operation between nil and number"),
        ("return 1 - {} ", "cannot perform sub operation between number and table"),
        ("return true * 2", "cannot perform mul operation between boolean and number"),
        ("return print / 2", "cannot perform div operation between function and number"),
        ("return 'a' % 2", "cannot perform mod operation between string and number"),
        ("return 2 ^ 'x'", "cannot perform pow operation between number and string"),
        ("return -nil", "__unm undefined"),
        ("return -{}", "test:code:1: __unm undefined"),
        ("return -errors.new('x')", "test:code:1: __unm undefined"),
        ("return #errors.new('x')", "test:code:1: __len undefined"),
        ("return 1 // {}", "test:code:1: attempt to perform arithmetic on a table value"),
        ("return errors.new('x') < errors.new('y')", "attempt to compare userdata with userdata"),
        ("return errors.new('x') < 1", "attempt to compare userdata with number"),
        ("return -'x'", "__unm undefined"),
        ("return #5", "__len undefined"),
        ("return 'x' .. nil", "cannot perform concat operation between string and nil"),
        ("return 1 < 'x'", "attempt to compare number with string"),
        ("return {} < {}", "attempt to compare table with table"),
        ("local f\nf()", "test:code:2: attempt to call a non-function object"),
        ("local t\nreturn t.k", "test:code:2: attempt to index a non-table object(nil) with key 'k'"),
        ("local t = 5 t.k = 1", "attempt to index a non-table object(number) with key 'k'"),
        ("return ('x').y.z", "attempt to index a non-table object(nil) with key 'z'"),
        ("return 1.5 & {}", "attempt to perform bitwise operation on a table value"),
        ("local z = 0 local r = 1 // z", "test:code:1: attempt to divide by zero"),
        ("local r = '4' // 2", "test:code:1: attempt to perform arithmetic on a string value"),
        ("for i = 'x', 2 do end", "for statement init must be a number"),
        ("for i = 1, {} do end", "for statement limit must be a number"),
        ("local t = {} for i = 1, 3000 do t = setmetatable({}, {__index = t}) end return t.x", "too many recursions"),
        ("local k local t k = nil t[k] = 1", "attempt to index a non-table object(nil) with key 'nil'"),
    ],
)
def test_texts(source: str, message: str) -> None:
    assert message in error(source)


@pytest.mark.parametrize(
    ("operator", "name"), [("+", "add"), ("-", "sub"), ("*", "mul"), ("/", "div"), ("%", "mod"), ("^", "pow")]
)
def test_two_tables_name_the_operation(operator: str, name: str) -> None:
    message = f"cannot perform {name} operation between table and table"
    source = f"""
        local a, b, more = {{}}, {{}}, {{{", ".join(["2.5"] * 300)}}}
        local function inner() return 'text', 1 << 40, a end
        local n = 1 + #more * 2
        return n - 1, a {operator} b
    """
    assert error(source) == f"test:code:5: {message}"
    coroutine = f"local co = coroutine.create(function() local a = {{}} return 1, a {operator} {{}} end) "
    assert text(coroutine + "return coroutine.resume(co)") == f"false test:code:1: {message}"
    half = "local a = setmetatable({}, {__add = function() return {} end}) "
    assert (
        error(f"{half} return a + a {operator} {{}}" if operator != "+" else f"{half} return (a + a) + {{}}")[
            -len(message) :
        ]
        == message
    )
    assert error(f"return errors.new('x') {operator} {{}}").endswith(message.replace("table", "userdata", 1))


def test_wrong_positions_are_never_ours() -> None:
    for source in ("local a = {} % 2", "local a, b = {}, 2 return a % b", "local k = {} k[k][k] = 1", "return {} // 2"):
        assert "wippy." not in error(source)


def test_text_of_values() -> None:
    assert text("return 3.0, 1e15, 0.1, 123456.5, 1234567.5, 0.00001, 1e20, 0/0, 1/0, -1/0, 2^63, 5e-324, -0.0") == (
        "3 1000000000000000 0.1 123456.5 1.2345675e+06 1e-05 1e+20 NaN +Inf -Inf 9.223372036854776e+18 5e-324 0"
    )
