"""What is wrong with a Lua entry is said when it is registered: kind, text, and nothing of it stays."""

from __future__ import annotations

import pytest

from application import Application, Lines, application, function, library, process, workflow
from wippy.errors import WippyError
from wippy.registry.entry import ID
from wippy.registry.order import delete

OK = "return {main = function() return 1 end}"


@pytest.fixture(scope="module")
def app():
    with application(library("a", "return {}"), library("user", "return {}", imports={"a": "app:a"})) as found:
        yield found


def refused(app: Application, *entries: Lines) -> WippyError:
    with pytest.raises(WippyError) as caught:
        app.define(*entries)
    found = caught.value
    for lines in entries:
        assert app.app.registry.get(f"app:{lines['name']}") is None
    return found


def without(lines: Lines, key: str) -> Lines:
    return {name: value for name, value in lines.items() if name != key}


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (without(function("x", OK), "source"), "source is required"),
        (function("x", ""), "source is required"),
        (library("x", ""), "source is required"),
        (without(function("x", OK), "method"), "method is required"),
        (function("x", OK, method=""), "method is required"),
        (function("x", OK, imports={"": "app:a"}), "import alias cannot be empty"),
        (function("x", OK, imports={"a": ""}), "import :name cannot be empty"),
        (function("x", OK, imports={"a": ":"}), "import :name cannot be empty"),
        (function("x", OK, imports={"a": "app:"}), "import :name cannot be empty"),
        (function("x", OK, imports={"a": {"ns": "app"}}), "import :name cannot be empty"),
        (function("x", OK, [""]), "module cannot be empty"),
        (function("x", OK, ["app:a"]), "module cannot have a namespace"),
        (process("x", OK, ["app:a"]), "module cannot have a namespace"),
        (function("x", OK, pool={"type": "big"}), "unknown pool type: big"),
        (function("x", OK, pool={"size": -1}), "pool.size must be greater than 0"),
        (function("x", OK, pool={"type": "static", "size": -1}), "pool.size must be greater than 0"),
        (function("x", "return {"), "unexpected symbol near <eof>"),
        (process("x", "local = 1"), "expected"),
    ],
)
def test_keys(app, lines, text):
    error = refused(app, lines)
    assert error.kind == "Invalid"
    assert text in error.message


@pytest.mark.parametrize("kind", [function, process, library, workflow])
def test_an_unknown_module_is_not_found_and_the_nearest_is_named(app, kind):
    error = refused(app, kind("x", OK, ["jsn"]))
    assert error.kind == "NotFound"
    assert "failed to add dependency app:x -> jsn:" in error.message
    assert "node with ID jsn not found" in error.message
    assert "did you mean json?" in error.message


def test_an_unknown_import_is_not_found(app):
    error = refused(app, function("x", OK, imports={"l": "app:absent"}))
    assert error.kind == "NotFound"
    assert "failed to add dependency app:x -> app:absent:" in error.message
    assert "node with ID app:absent not found" in error.message


def test_a_bare_import_is_a_module(app):
    error = refused(app, function("x", OK, imports={"a": "a"}))
    assert error.kind == "NotFound"
    assert "node with ID a not found" in error.message


def test_a_cycle(app):
    error = refused(
        app,
        library("one", "return {}", imports={"x": "app:two"}),
        library("two", "return {}", imports={"x": "app:three"}),
        library("three", "return {}", imports={"x": "app:one"}),
    )
    assert error.kind == "Invalid"
    assert "adding dependency would create a cycle" in error.message


def test_an_entry_that_imports_itself(app):
    error = refused(app, library("one", "return {}", imports={"me": "app:one"}))
    assert error.kind == "Invalid"
    assert "adding dependency would create a cycle" in error.message


def test_an_update_that_would_close_a_cycle_leaves_the_old_code(app):
    with pytest.raises(WippyError, match="cycle"):
        app.define(library("a", "return {}", imports={"u": "app:user"}))
    app.define(process("still", "return function() return type(u) end", imports={"u": "app:user"}))
    assert app.execute("app:still") == "table"


def test_a_module_twice(app):
    error = refused(app, function("x", OK, ["json", "time", "json"]))
    assert error.kind == "AlreadyExists"
    assert "dependency from app:x to json already exists" in error.message


def test_one_alias_for_two_libraries(app):
    error = refused(app, function("x", OK, imports={"a": "app:user", "u": "app:user"}))
    assert error.kind == "Conflict"
    assert "alias 'a' collision: app:user (direct import) vs app:a (transitive via app:user)" in error.message


def test_one_alias_for_a_module_and_a_library(app):
    error = refused(app, function("x", OK, ["json"], imports={"json": "app:a"}))
    assert error.kind == "Conflict"
    assert "alias 'json' collision" in error.message


def test_one_alias_for_one_library_is_fine(app):
    app.define(function("fine", OK, imports={"a": "app:a", "u": "app:user"}))
    assert app.call("app:fine") == 1


def test_an_update_of_a_library_that_breaks_an_importer_is_refused(app):
    app.define(
        library("b", "return {}"),
        library("base", "return {}"),
        process("top", "return function() return 1 end", imports={"base": "app:base", "b": "app:b"}),
    )
    with pytest.raises(WippyError, match="alias 'b' collision"):
        app.define(library("base", "return {}", imports={"b": "app:a"}))
    assert app.execute("app:top") == 1


def remove(app: Application, *names: str) -> None:
    app.run(app.app.registry.apply([delete(ID("app", name)) for name in names]))


def test_a_library_that_others_import_stays(app):
    app.define(library("kept", "return {}"), library("keeps", "return {}", imports={"k": "app:kept"}))
    with pytest.raises(WippyError, match="cannot remove node app:kept") as caught:
        remove(app, "kept")
    assert caught.value.kind == "Conflict"
    assert app.app.registry.get("app:kept") is not None
    remove(app, "kept", "keeps")
    assert app.app.registry.get("app:kept") is None


@pytest.mark.parametrize("module", ["sql", "fs", "eval_runner", "io", "env"])
def test_workflows_reach_only_what_replays(app, module):
    error = refused(app, workflow("x", OK, [module]))
    assert error.kind == "PermissionDenied"
    assert "module does not have any allowed class" in error.message


def test_workflows_reach_only_what_replays_also_through_libraries(app):
    error = refused(
        app,
        library("files", "return {}", ["fs"]),
        library("through", "return {}", imports={"f": "app:files"}),
        workflow("x", OK, imports={"t": "app:through"}),
    )
    assert error.kind == "PermissionDenied"
    assert "'fs'" in error.message


def test_order_inside_a_change_does_not_matter_and_unknown_keys_are_tolerated(app):
    app.define(
        function("first", "return {main = function() return l.v end}", imports={"l": "app:last"}, colour="red"),
        library("last", "return {v = 7}"),
    )
    assert app.call("app:first") == 7


def test_processes_need_no_source_and_no_method(app):
    app.define({"name": "empty", "kind": "process.lua"}, without(process("default", OK), "method"))
    with pytest.raises(WippyError, match='method "main" not found in module') as caught:
        app.execute("app:empty")
    assert caught.value.kind == "NotFound"
    assert app.execute("app:default") == 1


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("return function() return 'function' end", "function"),
        ("return {go = function() return 'go' end}", "go"),
        ("return setmetatable({}, {__index = {go = function() return 1 end}})", None),
        ("return {main = function() end}", None),
        ("return {go = setmetatable({}, {__call = function() return 1 end})}", None),
        ("return {go = 'text'}", None),
        ("return 'text'", None),
        ("return 7", None),
        ("return", None),
        ("return nil, {go = function() return 1 end}", None),
        ("return errors.new('x')", None),
    ],
)
@pytest.mark.parametrize("kind", [function, process])
def test_method_selection(app, kind, source, value):
    app.define({**kind(f"select_{kind.__name__}", source), "method": "go"})
    run = app.call if kind is function else app.execute
    name = f"app:select_{kind.__name__}"
    if value is not None:
        assert run(name) == value
        return
    with pytest.raises(WippyError) as caught:
        run(name)
    assert caught.value.kind == "NotFound"
    assert caught.value.message == 'method "go" not found in module'


def test_the_state_of_a_function_lives_on_and_that_of_a_process_does_not(app):
    count = "local n = 0\nG = 0\nreturn function() n = n + 1; G = G + 1; return {n, G, c.next()} end"
    counter = library("counts", "local n = 0 return {next = function() n = n + 1 return n end}")
    app.define(
        counter,
        function("counting", count, imports={"c": "app:counts"}, pool={"type": "inline", "size": 1}),
        process("starting", count, imports={"c": "app:counts"}),
    )
    assert [app.call("app:counting") for _ in range(3)] == [[1, 1, 1], [2, 2, 2], [3, 3, 3]]
    assert [app.execute("app:starting") for _ in range(2)] == [[1, 1, 1], [1, 1, 1]]


def test_states_of_one_function_share_nothing(app):
    body = """
        local n = 0
        return function(depth)
          n = n + 1
          if depth > 0 then
            local below = funcs.call("app:nested", depth - 1)
            return {n, below}
          end
          return {n}
        end
    """
    app.define(function("nested", body, ["funcs"]))
    assert app.lua("return funcs.call('app:nested', 2)", modules=["funcs"]) == [1, [1, [1]]]


def test_a_failed_call_leaves_the_state_as_it_is(app):
    app.define(
        function(
            "keeps_state",
            "local n = 0 return function(fail) n = n + 1 if fail then error('x') end return n end",
            pool={"type": "inline", "size": 1},
        )
    )
    with pytest.raises(WippyError):
        app.call("app:keeps_state", True)
    assert app.call("app:keeps_state") == 2
