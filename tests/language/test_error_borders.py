"""What becomes of an error on its way: calls, futures, exits, messages, activities, children, protected calls."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from application import Application, application, function, library, process, workflow
from wippy.errors import WippyError

PROVIDER = """
- {name: history, kind: workflow.provider.sqlite, path: workflows.db, lifecycle: {auto_start: true}}
- {name: flows, kind: workflow.worker, provider: history, task_queue: q, lifecycle: {auto_start: true}}
"""
SHOW = """
local M = {}
function M.show(v, err)
  if type(err) ~= "userdata" then return {value = v, err = err} end
  local d = err:details()
  return {lost = v == nil, kind = err:kind(), retryable = tostring(err:retryable()), message = err:message(),
          details = d, text = tostring(err), stack = err:stack(), frames = #errors.call_stack(err).frames}
end
return M
"""
CALL = "return function(target, ...) return s.show(funcs.call(target, ...)) end"
ONCE = """
return function(target, ...)
  local once = funcs.new():with_options({["activity.retry_policy"] = {maximum_attempts = 1}})
  return s.show(once:call(target, ...))
end
"""
ASYNC = """
return function(target, ...)
  local f = assert(funcs.async(target, ...))
  f:response():receive()
  local payload, err = f:result()
  if err then return s.show(nil, err) end
  return s.show(payload:data())
end
"""
EXIT = """
return function(target, ...)
  local events = process.events()
  local pid = assert(process.spawn_monitored(target, "app:processes", ...))
  local result = events:receive().result
  return s.show(result.value, result.error)
end
"""
MESSAGE = """
return function(target, ...)
  local box = process.listen("e")
  process.spawn(target, "app:processes", process.pid(), ...)
  return s.show(nil, (box:receive()))
end
"""
PROTECTED = """
return function(target, ...)
  local ok, err = pcall(other.main, ...)
  return s.show(nil, err)
end
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    s = {"s": "app:show"}
    with application(
        PROVIDER,
        library("show", SHOW),
        process("call", CALL, ["funcs"], imports=s),
        function("call_fn", CALL, ["funcs"], imports=s),
        process("async", ASYNC, ["funcs"], imports=s),
        process("exit", EXIT, ["process"], imports=s),
        process("message", MESSAGE, ["process"], imports=s),
        workflow("activity", ONCE, ["funcs"], imports=s),
        folder=tmp_path_factory.mktemp("borders"),
    ) as found:
        yield found


NUMBERS = itertools.count()
FULL = "errors.new({kind = 'Conflict', message = 'taken', retryable = %s, details = {id = 7, at = {x = 'y'}}})"
OUTCOMES = [
    ("return nil, 'no stock'", "Internal", "false", "no stock", None),
    ("return 1, ''", "Internal", "false", "", None),
    (f"return 1, {FULL % 'true'}", "Conflict", "true", "taken", {"id": 7, "at": {"x": "y"}}),
    (f"return 1, {FULL % 'false'}", "Conflict", "false", "taken", {"id": 7, "at": {"x": "y"}}),
    (f"return 1, {FULL % 'nil'}", "Conflict", "nil", "taken", {"id": 7, "at": {"x": "y"}}),
    (f"error({FULL % 'false'})", "Conflict", "false", "taken", {"id": 7, "at": {"x": "y"}}),
    (f"error({FULL % 'nil'})", "Conflict", "nil", "taken", {"id": 7, "at": {"x": "y"}}),
    ("return nil, errors.new('plain')", "Internal", "nil", "plain", None),
    ("error(errors.new('plain'))", "Internal", "nil", "plain", None),
    ("return nil, errors.new({kind = 'Own.kind', message = 'm'})", "Own.kind", "nil", "m", None),
    (f"return nil, errors.wrap({FULL % 'true'}, 'outer')", "Conflict", "true", "taken", {"id": 7, "at": {"x": "y"}}),
    (
        f"return nil, errors.wrap(errors.wrap({FULL % 'true'}, 'inner'), 'outer')",
        "Conflict",
        "true",
        "inner: taken",
        {"id": 7, "at": {"x": "y"}},
    ),
]


def both(app: Application, body: str) -> str:
    """Defines a function, and a process of the same body."""
    name = f"o{next(NUMBERS)}"
    source = f"local function deep() {body} end\nreturn function(...) local a, b = deep() return a, b end"
    app.define(function(name, source), process(f"{name}p", source))
    return f"app:{name}"


@pytest.mark.parametrize(("body", "kind", "retryable", "message", "details"), OUTCOMES)
@pytest.mark.parametrize("way", ["call", "call_fn", "async", "exit", "activity"])
def test_parts_of_an_error(app, way, body, kind, retryable, message, details):
    target = both(app, body)
    if way == "exit":
        found = app.execute("app:exit", f"{target}p")
    elif way == "call_fn":
        found = app.call("app:call_fn", target)
    elif way == "activity":
        found = run_flow(app, "app:activity", target)
    else:
        found = app.execute(f"app:{way}", target)
    expected: dict[str, Any] = {"lost": True, "kind": kind, "retryable": retryable, "message": message, "text": message}
    if details is not None:
        expected["details"] = details
    stack, frames = found.pop("stack"), found.pop("frames")
    if way == "activity":
        own = {key: value for key, value in found.pop("details").items() if not key.startswith("_")}
        found.update({"details": own} if own else {})
    assert found == expected
    assert "outer" not in stack
    assert "deep" not in stack
    assert f"{target}:" not in stack
    if way in ("call", "call_fn"):
        assert frames > 0
        assert f"app:{way}:1" in stack


def run_flow(app: Application, entry: str, *args: object) -> Any:
    app.define(
        process("run_flow", "return function(id, ...) return workflow.execute(id, ...) end", ["workflow"]),
    )
    return app.execute("app:run_flow", entry, *args)


@pytest.mark.parametrize(("body", "kind", "retryable", "message", "details"), OUTCOMES)
@pytest.mark.parametrize("where", ["python function", "python process"])
def test_python_gets_the_same_parts(app, where, body, kind, retryable, message, details):
    target = both(app, body)
    with pytest.raises(WippyError) as caught:
        app.call(target) if where == "python function" else app.execute(f"{target}p")
    error = caught.value
    assert (error.kind, str(error.retryable).lower(), error.message) == (
        kind,
        retryable.replace("nil", "none"),
        message,
    )
    assert (error.details or None) == details


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("error('broken')", ":1: broken"),
        ("error('bare', 0)", "bare"),
        ("local t = nil; return t.x", "attempt to index a non-table object(nil) with key 'x'"),
        ("error({code = 5})", "table"),
        ("error(5)", "5"),
        ("error()", "nil"),
        ("error(true)", "true"),
    ],
)
@pytest.mark.parametrize("way", ["call", "exit", "activity"])
def test_raised_values_that_are_no_errors(app, way, body, text):
    target = both(app, body)
    if way == "activity":
        found = run_flow(app, "app:activity", target)
    else:
        found = app.execute(f"app:{way}", f"{target}p" if way == "exit" else target)
    assert (found["kind"], found["retryable"]) == ("Internal", "nil")
    assert text in found["message"]


@pytest.mark.parametrize(
    "body",
    ["return 1, nil", "return 1", "return 1, {}", "return 1, 5", "return 1, true", "return 1, nil, 'third'",
     "return 1, false, errors.new('third')", "return 1, channel.new()"],
)  # fmt: skip
@pytest.mark.parametrize("way", ["call", "exit", "activity"])
def test_other_second_results_are_no_failure(app, way, body):
    name = f"o{next(NUMBERS)}"
    source = f"return function() {body} end"
    app.define(function(name, source), process(f"{name}p", source))
    if way == "activity":
        assert run_flow(app, "app:activity", f"app:{name}") == {"value": 1}
    else:
        assert app.execute(f"app:{way}", f"app:{name}{'p' if way == 'exit' else ''}") == {"value": 1}


def test_an_error_in_a_message_keeps_all_but_its_stack(app):
    app.define(
        process(
            "sender",
            f"return function(to) process.send(to, 'e', errors.wrap({FULL % 'false'}, 'context')) end",
            ["process"],
        )
    )
    found = app.execute("app:message", "app:sender")
    assert (found["kind"], found["retryable"], found["message"]) == ("Conflict", "false", "taken")
    assert found["details"] == {"id": 7, "at": {"x": "y"}}


@pytest.mark.parametrize(("body", "kind", "retryable", "message", "details"), OUTCOMES)
def test_protected_calls_keep_the_error_itself(app, body, kind, retryable, message, details):
    if not body.startswith("error("):
        return
    found = app.lua(
        f"""
        local made
        local new = errors.new
        local function raise() made = {body[len("error(") : -1]} error(made) end
        local ok, err = pcall(function() local _, e = pcall(raise) assert(rawequal(e, made)) error(e) end)
        local _, x = xpcall(raise, function(e) return e end)
        return {{ok, rawequal(err, made) or err == made, x == made, err:kind(), tostring(err:retryable())}}
        """
    )
    assert found[:1] + found[2:3] == [False, True]
    assert found[4] == retryable


def test_the_child_of_a_workflow_fails_with_the_error_of_its_code(app):
    app.define(
        workflow("child", f"return function() return 1, errors.wrap({FULL % 'false'}, 'ctx') end"),
        workflow(
            "parent",
            "return function() return s.show(workflow.exec('app:child')) end",
            ["workflow"],
            imports={"s": "app:show"},
        ),
    )
    found = run_flow(app, "app:parent")
    assert (found["kind"], found["retryable"], found["details"]["id"]) == ("Conflict", "false", 7)
    assert "taken" in found["message"]
    assert "ctx" not in found["message"]


def test_the_context_that_a_caller_adds_is_its_own(app):
    target = both(app, "return nil, errors.new({kind = 'NotFound', message = 'row 7'})")
    found = app.lua(
        """
        local _, err = funcs.call(..., 1)
        local w = errors.wrap(err, "load user")
        local again = errors.wrap(w, "page")
        return {w:message(), again:message(), w:kind(), (w:stack():find("load user", 1, true)) ~= nil,
                errors.is(again, errors.NOT_FOUND)}
        """,
        target,
        modules=["funcs"],
    )
    assert found == ["row 7", "load user: row 7", "NotFound", True, True]


def test_errors_as_text(app):
    found = app.lua(
        """
        local e = errors.new({kind = "K", message = "boom %d"})
        local w = errors.wrap(e, "ctx")
        return {
          "x: " .. e, e .. "!", e .. e, 1 .. e, w .. "", tostring(e), table.concat({"a", e, 1}, "|"),
          string.format("%s|%10s|%q", e, "r", e), string.upper(e), string.len(e), string.sub(e, 1, 4),
          string.rep(e, 2), string.find(e, "%d", 1, true), (string.gsub(e, "o", "0")), string.match(e, "^(%a+)"),
          string.byte(e), string.reverse(e),
        }
        """
    )
    text = "boom %d"
    assert found == [
        "x: " + text, text + "!", text + text, "1" + text, text, text, f"a|{text}|1",
        f'{text}|         r|"{text}"', text.upper(), 7, "boom", text * 2, 6, "b00m %d", "boom", 98, text[::-1],
    ]  # fmt: skip


def test_an_error_in_text_does_not_lose_its_position(app):
    with pytest.raises(WippyError) as caught:
        app.lua("local e = errors.new('inner')\nerror('outer: ' .. e)")
    assert ":3: outer: inner" in caught.value.message


def test_errors_inside_results_stay_errors(app):
    target = both(app, f"return {{e = {FULL % 'true'}, list = {{errors.new('x')}}}}")
    found = app.lua(
        """
        local v = assert(funcs.call(...))
        local d = v.e:details()
        return {type(v.e), v.e:kind(), v.e:message(), d.id, d.at.x, v.list[1]:kind(), tostring(v.list[1])}
        """,
        target,
        modules=["funcs"],
    )
    assert found == ["userdata", "Conflict", "taken", 7, "y", "", "x"]


@pytest.mark.parametrize("way", ["call", "exit"])
def test_a_deadlock_has_no_kind(app, way):
    name = f"o{next(NUMBERS)}"
    source = "return function() channel.select({}) end"
    app.define(function(name, source), process(f"{name}p", source))
    found = app.execute(f"app:{way}", f"app:{name}{'p' if way == 'exit' else ''}")
    assert found["kind"] == ""
    assert found["message"].startswith("deadlock: all coroutines blocked")
