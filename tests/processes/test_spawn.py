"""Starting processes: arguments, results, failures of a start."""

import pytest

from application import application, function, host, process
from wippy.errors import WippyError

WORKER = "app:processes"


@pytest.fixture(scope="module")
def app():
    with application(
        host("processes", 2),
        host("other", 1),
        {"name": "stopped", "kind": "process.host"},
        process("echo", "return function(...) return {n = select('#', ...), ...} end"),
        process("method", "return {run = function() return 'ran' end}", method="run"),
        process("no_method", "return {run = function() end}"),
        process("no_table", "return 5"),
        process("bad_body", "error('broken body')"),
        process("waiting_body", "process.inbox():receive() return function() end"),
        process("fails", "return function(how) if how == 'text' then return nil, 'text' end error('raised') end"),
        process("tell", "return function(to, ...) process.send(to, 'told', ...) return 'done' end"),
        function("double", "return function(x) return x * 2 end"),
    ) as app:
        yield app


@pytest.mark.parametrize("where", ["app:processes", "app:other"])
def test_arguments_are_positional_and_nils_keep_their_place(app, where):
    assert app.lua(
        """
        local pid = process.spawn_monitored("app:echo", ..., nil, 2, nil, {a = {1, 2}})
        local e = process.events():receive()
        local r = e.result.value
        return {r.n, r[1] == nil, r[2], r[3] == nil, r[4].a[2], e.from == pid}
        """,
        where,
    ) == [4, True, 2, True, 2, True]


@pytest.mark.parametrize("where", ["app:processes", "app:other"])
@pytest.mark.parametrize(
    ("entry", "kind", "text"),
    [
        ("app:nothing", "NotFound", "factory not found"),
        ("app:double", "NotFound", "factory not found"),
        ("app:no_method", "NotFound", 'method "main" not found in module'),
        ("app:no_table", "NotFound", 'method "main" not found in module'),
        ("app:bad_body", "Internal", "failed to execute script"),
        ("app:waiting_body", "Internal", "failed to execute script"),
    ],
)
def test_a_failing_start_is_an_error_of_the_spawn(app, where, entry, kind, text):
    source = """
        local entry, host = ...
        local pid, err = process.spawn_linked_monitored(entry, host)
        return {pid == nil, err:kind(), err:message(), err:retryable()}
    """
    none, found_kind, message, retryable = app.lua(source, entry, where)
    assert none
    assert found_kind == kind
    assert text in message
    assert retryable is False


@pytest.mark.parametrize(
    ("where", "kind", "text"),
    [
        ("app:nowhere", "NotFound", "host not found"),
        ("app:double", "NotFound", "host not found"),
        ("app:stopped", "Unavailable", "host is not running"),
    ],
)
def test_hosts_that_cannot_be_spawned_on(app, where, kind, text):
    none, found, message, details = app.lua(
        "local p, e = process.spawn('app:echo', ...) return {p == nil, e:kind(), e:message(), e:details() or 0}", where
    )
    assert none
    assert found == kind
    assert text in message
    if kind == "NotFound":
        assert details["host_id"] == where


@pytest.mark.parametrize("name", ["spawn", "spawn_monitored", "spawn_linked", "spawn_linked_monitored"])
def test_too_few_arguments(app, name):
    none, kind, text = app.lua("local p, e = process[...]('app:echo') return {p == nil, e:kind(), e:message()}", name)
    assert none
    assert kind == "Invalid"
    assert text == f"{name} requires at least id and host arguments"


def test_a_wrong_argument_type_raises(app):
    ok, text = app.lua("local ok, e = pcall(process.spawn, {}, 'app:processes') return {ok, tostring(e)}")
    assert not ok
    assert "bad argument" in text


def test_exec(app):
    source = """
        local out = {}
        for _, host in ipairs({"app:processes", "app:other"}) do
          out[#out + 1] = process.exec("app:method", host)
          local value, err = process.exec("app:fails", host)
          out[#out + 1] = {value == nil, err:kind(), err:message()}
          value, err = process.exec("app:fails", host, "text")
          out[#out + 1] = {err:kind(), err:message(), err:retryable()}
          value, err = process.exec("app:nothing", host)
          out[#out + 1] = {value == nil, err:kind()}
        end
        return out
    """
    found = app.lua(source)
    for at in (0, 4):
        assert found[at] == "ran"
        assert found[at + 1][:2] == [True, "Internal"]
        assert "raised" in found[at + 1][2]
        assert found[at + 2] == ["Internal", "text", False]
        assert found[at + 3] == [True, "Internal"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("'app:echo'", "exec requires id and host arguments"),
        ("'', 'app:processes'", "process ID required"),
        ("'echo', 'app:processes'", "invalid process ID format (namespace:name required)"),
        ("'app:echo', ''", "host ID required"),
    ],
)
def test_exec_argument_errors(app, arguments, text):
    assert app.lua(f"local v, e = process.exec({arguments}) return {{e:kind(), e:message()}}") == ["Invalid", text]


def test_a_child_outlives_its_parent(app):
    source = """
        local host = ...
        return process.exec("app:spawner", host, process.pid(), host), process.listen("told"):receive()
    """
    app.define(
        process("spawner", "return function(to, host) return process.spawn('app:late', host, to) end"),
        process(
            "late",
            "return function(to) time.sleep('5ms') process.send(to, 'told', 'alive') end",
            ["time"],
        ),
    )
    app.define(
        process(
            "late",
            "local time = require('time') return function(to) time.sleep('5ms') process.send(to, 'told', 'alive') end",
            ["time"],
        )
    )
    for where in ("app:processes", "app:other"):
        assert (
            app.lua(
                source.replace("return process.exec(", "local pid = process.exec(").replace(
                    ", process.listen", "\nreturn process.listen"
                ),
                where,
            )
            == "alive"
        )


def test_results_and_exit_errors(app):
    """What a process returned or raised, as a watcher sees it."""
    cases = {
        "return": [None, None],
        "return nil": [None, None],
        "return 5": [5, None],
        "return 5, 'text'": [None, ["Internal", "text", False]],
        "return nil, errors.new({message = 'm', kind = errors.NOT_FOUND, retryable = true, details = {a = 1}})": [
            None,
            ["NotFound", "m", True, {"a": 1}],
        ],
        "return 5, 6": [5, None],
        "return 5, {}": [5, None],
        "return 5, true": [5, None],
        "return {f = print, c = channel.new(), a = 1}": [{"a": 1}, None],
        "return print": [None, None],
    }
    for body, (value, error) in cases.items():
        name = f"result{abs(hash(body))}"
        app.define(process(name, f"return function() {body} end"))
        for where in ("app:processes", "app:other"):
            found = app.lua(
                """
                local id, host = ...
                process.spawn_monitored(id, host)
                local e = process.events():receive()
                local err = e.result.error
                return {{e.result.value}, err and {err:kind(), err:message(), err:retryable(), err:details()} or false}
                """,
                f"app:{name}",
                where,
            )
            assert (found[0][0] if found[0] else None) == value, body
            if error is None:
                assert found[1] is False, body
            else:
                assert found[1] == error, body


def test_a_raised_error_is_internal_and_a_raised_error_object_stays(app):
    for body, kind, text in (
        ("error('plain text')", "Internal", "plain text"),
        ("error({a = 1})", "Internal", "table"),
        ("local x = nil; return x.y", "Internal", "index"),
        ("error(errors.new({message = 'kept', kind = 'Mine'}))", "Mine", "kept"),
    ):
        app.define(process("raises", f"return function() {body} end"))
        with pytest.raises(WippyError) as caught:
            app.execute("app:raises")
        assert caught.value.kind == kind
        assert text in caught.value.message


def test_the_end_of_the_main_function_ends_its_coroutines(app):
    value = app.lua(
        """
        local done = false
        coroutine.spawn(function() channel.new():receive() end)
        return "over"
        """
    )
    assert value == "over"


def test_an_error_in_a_coroutine_ends_the_process(app):
    with pytest.raises(WippyError, match="from the coroutine"):
        app.lua("coroutine.spawn(function() error('from the coroutine') end) channel.new():receive()")


def test_nothing_left_to_wait_for_is_a_deadlock(app):
    with pytest.raises(WippyError, match=r"deadlock: all coroutines blocked with no pending operations \(threads=1\)"):
        app.lua("channel.select({})")
