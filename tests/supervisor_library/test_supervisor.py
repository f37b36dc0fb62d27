"""The library `wippy.supervisor`: strategies, limits, order, dynamic children."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from application import HOST, Application, application, host, process
from wippy.errors import WippyError
from wippy.units.clock import VirtualClock

from .family import ENTRIES, IMPORTS, Family, child


@pytest.fixture(autouse=True)
def tidy(app: Application, clock: VirtualClock) -> Iterator[None]:
    """No supervisor outlives its test."""
    yield
    app.call("app:cancel", "tree")
    while app.call("app:holder", "tree"):
        app.settle(4)
        clock.advance(1)


def abc(**spec):
    return [child(id, **spec) for id in "abc"]


def test_children_start_in_order_and_stop_in_reverse(app):
    family = Family(app, *abc())
    assert family.diary() == ["start a", "start b", "start c"]
    family.cancel()
    assert family.diary() == ["stop c", "stop b", "stop a"]
    assert family.result.result(20) == "in order"


@pytest.mark.parametrize(
    ("strategy", "notes"),
    [
        ("one_for_one", ["start b"]),
        ("rest_for_one", ["stop c", "start b", "start c"]),
        ("one_for_all", ["stop c", "stop a", "start a", "start b", "start c"]),
    ],
)
def test_strategies(app, strategy, notes):
    family = Family(app, *abc(), strategy=strategy)
    family.diary()
    family.tell("b", "crash")
    assert family.diary() == notes
    assert family.running() == ["a", "b", "c"]


def test_a_restart_is_told_in_the_log(app):
    told = []
    mute = app.app.log.listen(lambda record: told.append((record.message, record.fields)))
    try:
        family = Family(app, *abc())
        family.diary()
        family.tell("b", "crash")
        assert family.diary() == ["start b"]
        ((message, fields),) = [each for each in told if "restarted" in each[0]]
    finally:
        mute()
    assert message == "child ended, it will be restarted"
    assert (fields["child"], fields["restarts"]) == ("b", 1)
    assert fields["error"]
    assert fields["location"].startswith("wippy.supervisor:supervisor:")


@pytest.mark.parametrize(
    ("restart", "what", "again"),
    [
        ("permanent", "crash", True),
        ("permanent", "finish", True),
        ("transient", "crash", True),
        ("transient", "finish", False),
        ("temporary", "crash", False),
        ("temporary", "finish", False),
    ],
)
def test_restart_of_children(app, restart, what, again):
    family = Family(app, child("a", restart=restart))
    family.tell("a", what)
    assert family.running() == (["a"] if again else [])
    assert len(family.ask("which_children")) == (0 if restart == "temporary" else 1)


def test_too_many_failures_within_the_period(app, clock):
    family = Family(app, *abc(), intensity=2, period="10s")
    for seconds in (0, 6, 5, 6):  # never three within ten seconds
        clock.advance(seconds)
        family.tell("b", "crash")
        assert family.running() == ["a", "b", "c"]
    family.diary()
    clock.advance(3)
    family.tell("b", "crash")
    assert family.diary() == ["stop c", "stop a"]
    with pytest.raises(WippyError) as error:
        family.result.result(20)
    assert 'gave up: 3 failures within 10s, the last one of child "b": ' in error.value.message
    assert error.value.message.endswith("crash of b")
    assert error.value.retryable is True
    assert error.value.details == {"child": "b", "entry": "app:child"}


def test_no_failure_is_allowed_with_intensity_0(app):
    family = Family(app, child("a"), intensity=0)
    family.tell("a", "crash")
    with pytest.raises(WippyError, match="1 failures"):
        family.result.result(20)


def test_a_child_that_cannot_be_started_stops_the_others(app):
    family = Family(app, child("a"), {"id": "b", "entry": "app:nothing"}, child("c"))
    assert family.diary() == ["start a", "stop a"]
    with pytest.raises(WippyError, match='child "b" cannot be started: factory not found: app:nothing'):
        family.result.result(20)


def test_a_deaf_child_is_ended_after_its_shutdown_time(app, clock):
    family = Family(app, child("a"), child("b", "deaf", shutdown="3s"), child("c", "deaf", shutdown="brutal"))
    family.diary()
    family.cancel()
    clock.advance(2.9)
    app.settle(4)
    assert family.diary() == []
    clock.advance(0.2)
    app.settle(6)
    assert family.diary() == ["stop a"]
    assert family.result.result(20) == "in order"


def test_names_hosts_and_arguments(app):
    echo = process(
        "echo",
        "return function(...) local m = process.inbox():receive() process.send(m:from(), 'got', process.pid(), ...) "
        "process.events():receive() end",
    )
    app.define(echo)
    spec = {"id": "e", "entry": "app:echo", "host": "app:other", "name": "named", "args": [1, {"x": [2]}]}
    family = Family(app, spec)
    pid = family.ask("which_children")[0]["pid"]
    assert "@app:other|" in pid
    got = app.lua(
        "process.send('named', 'hello') local p = process.inbox():receive():payload() "
        "return {p[1]:data(), p[2]:data(), p[3]:data()}"
    )
    assert got == [pid, 1, {"x": [2]}]
    kind, text = family.ask("start_child", {"id": "f", "entry": "app:echo", "name": "named"})
    assert (kind, text) == ("AlreadyExists", "name already registered: named")
    assert len(family.ask("which_children")) == 1
    app.lua("process.terminate('named')")
    app.settle(6)
    again = family.ask("which_children")[0]
    assert (again["pid"] != pid, again["restarts"]) == (True, 1)
    assert app.lua("return process.registry.lookup('named')") == again["pid"]


def test_children_by_message(app):
    family = Family(app, child("a"))
    assert family.ask("count_children") == {"specs": 1, "active": 1, "supervisors": 0, "workers": 1}
    pid = family.ask("start_child", child("b"))
    assert family.ask("which_children")[1] == {
        "id": "b",
        "entry": "app:child",
        "pid": pid,
        "type": "worker",
        "restart": "permanent",
        "restarts": 0,
    }
    assert family.ask("start_child", child("b"))[0] == "Invalid"
    assert family.ask("delete_child", "b") == ("Conflict", "child b runs")
    assert family.ask("restart_child", "b") == ("Conflict", "child b runs")
    assert family.ask("terminate_child", "b") is True
    assert family.running() == ["a"]
    assert family.ask("count_children") == {"specs": 2, "active": 1, "supervisors": 0, "workers": 2}
    assert family.ask("restart_child", "b") != pid
    assert family.running() == ["a", "b"]
    family.ask("terminate_child", "b")
    assert family.ask("delete_child", "b") is True
    assert family.ask("terminate_child", "b") == ("NotFound", "no child b")
    assert family.diary() == ["start a", "start b", "stop b", "start b", "stop b"]


def test_what_was_stopped_on_purpose_stays_so(app):
    family = Family(app, *abc(), strategy="one_for_all")
    family.ask("terminate_child", "a")
    family.tell("b", "crash")
    assert family.running() == ["b", "c"]


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({"strategy": "all_for_one"}, "strategy must be one_for_one"),
        ({"intensity": -1}, "intensity must be"),
        ({"period": "soon"}, "period must be"),
        ({"children": [{"entry": "app:child"}]}, "a child needs an id"),
        ({"children": [{"id": "a"}]}, 'child "a": entry is required'),
        ({"children": [child("a"), child("a")]}, "a child of that id"),
        ({"children": [child("a", restart="often")]}, "restart must be permanent, transient or temporary"),
        ({"children": [child("a", shutdown="late")]}, "shutdown must be a duration"),
    ],
)
def test_wrong_specs(app, spec, text):
    with pytest.raises(WippyError, match="supervisor: ") as error:
        app.execute("app:tree", spec)
    assert text in error.value.message
    assert (error.value.kind, error.value.retryable) == ("Invalid", False)


def test_a_supervisor_that_is_ended_by_force_takes_its_children_along(app):
    family = Family(app, *abc())
    app.lua("process.terminate('tree')")
    app.settle(6)
    for id in "abc":
        with pytest.raises(WippyError, match="name not registered"):
            app.lua("return process.registry.lookup(...)", id)
    with pytest.raises(WippyError, match="process terminated"):
        family.result.result(20)


def test_trees_nest_and_failures_climb(app):
    inner = {"children": [child("x"), child("y")], "intensity": 1, "period": "1h"}
    nested = {"id": "inner", "entry": "app:tree", "args": [inner, "inner"], "type": "supervisor"}
    family = Family(app, child("a"), nested, child("z"), strategy="rest_for_one")
    assert sorted(family.diary()) == ["start a", "start x", "start y", "start z"]
    assert family.ask("count_children")["supervisors"] == 1
    family.tell("x", "crash")
    assert family.diary() == ["start x"]
    family.tell("x", "crash")
    notes = family.diary()
    assert (notes[:2], sorted(notes[2:])) == (["stop y", "stop z"], ["start x", "start y", "start z"])
    family.cancel()
    assert family.diary() == ["stop z", "stop y", "stop x", "stop a"]


def test_a_supervisor_made_of_data():
    service = {
        "name": "tree_service",
        "kind": "process.service",
        "process": "wippy.supervisor:process",
        "host": HOST,
        "input": [{"strategy": "one_for_one", "children": [child("a"), child("b")]}],
        "lifecycle": {"auto_start": True, "stop_timeout": "5s"},
    }
    clock = VirtualClock()
    with application(host("processes", 1), *ENTRIES[1:], service, clock=clock) as app:
        app.settle(4)
        assert app.lua("return process.registry.lookup('a') ~= nil and process.registry.lookup('b') ~= nil") is True
        first = app.lua("return process.registry.lookup('a')")
        app.call("app:tell", "a", "crash")
        app.settle(6)
        assert app.lua("return process.registry.lookup('a')") != first


def test_nothing_shipped_is_there_unless_it_is_named():
    with application(process("p", "return function() end")) as app:
        assert app.app.registry.get("wippy.supervisor:supervisor") is None
        app.define(process("q", "return function() return type(require('s').run) end",
                           imports={"s": IMPORTS["supervisor"]}))  # fmt: skip
        assert app.execute("app:q") == "function"


def test_strict_types_and_style(tmp_path, monkeypatch, capsys):
    from wippy.cli.main import execute

    source = tmp_path / "src"
    source.mkdir()
    (tmp_path / "wippy.lock").write_text("directories: {src: ./src}\n")
    (source / "_index.yaml").write_text(
        'version: "1.0"\nnamespace: app\nentries:\n  - {name: p, kind: process.lua, source: file://p.lua, '
        "imports: {supervisor: 'wippy.supervisor:supervisor'}}\n"
    )
    (source / "p.lua").write_text(
        'local supervisor = require("supervisor")\nlocal function main(): nil\n'
        '  supervisor.run({ strategy = "one_for_one", children = {} })\nend\nreturn { main = main }\n'
    )
    monkeypatch.chdir(tmp_path)
    assert execute(["lint", "--rules"]) == 0
    assert "No issues found" in capsys.readouterr().out
    (source / "p.lua").write_text((source / "p.lua").read_text().replace('"one_for_one"', "1"))
    assert execute(["lint", "--rules"]) == 1


def test_the_library_itself_is_clean(tmp_path, monkeypatch, capsys):
    import shutil
    from pathlib import Path

    import wippy
    from wippy.cli.main import execute

    shutil.copytree(Path(wippy.__file__).parent / "library", tmp_path / "src")
    (tmp_path / "wippy.lock").write_text("directories: {src: ./src}\n")
    monkeypatch.chdir(tmp_path)
    assert execute(["lint", "--rules", "--level", "hint", "--set", "lua.type_system.strict=true"]) == 0
    assert "No issues found" in capsys.readouterr().out
