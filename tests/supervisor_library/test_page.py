"""The blocks of docs/supervision.md run."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from application import application, host, process

PAGE = (Path(__file__).parents[2] / "docs" / "supervision.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
YAML = [yaml.safe_load(text)[0] for language, text in BLOCKS if language == "yaml"]
LUA = [text for language, text in BLOCKS if language == "lua"]
WAITS = "return function() process.events():receive() end"
LOOKUP = "return process.registry.lookup('cache')"


def test_the_service():
    cache = {"name": "cache", "kind": "process.service", "process": "app:waits", "host": "app:processes"}
    with application(host("processes"), process("waits", WAITS), process("import", WAITS), cache, YAML[0]) as app:
        states = {state.id.name: state.status for state in app.app.supervisor.states()}
        assert states == {"processes": "running", "cache": "running", "importer": "running"}


def test_the_supervisor_in_code():
    workers = {**YAML[1], "source": LUA[0]}
    with application(host("processes"), workers, process("cache", WAITS), process("reader", WAITS)) as app:
        running = app.begin("app:workers")
        app.settle(4)
        pid = app.lua(LOOKUP)
        app.lua("process.terminate(...)", pid)
        app.settle(6)
        assert app.lua(LOOKUP) != pid
        assert not running.done()


def test_the_tree_of_data():
    children = [process(name, WAITS.replace("()", f"() process.registry.register('{name}')", 1)) for name in "ab"]
    with application(host("processes"), *children, YAML[2]) as app:
        app.settle(4)
        assert app.lua("return process.registry.lookup('a') ~= process.registry.lookup('b')") is True


def test_the_upgradable_process():
    first = LUA[1].replace("local events", "process.registry.register('u') local events")
    second = "return {main = function(state) return process.pid() end}"
    with application(host("processes"), process("u", first)) as app:
        running = app.begin("app:u")
        app.settle(2)
        app.define(process("u", second))
        assert running.result(20).startswith("{")
