"""The blocks of docs/processes.md run, and give what the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from application import HOST, Application, application, process
from wippy.registry.entry import ID

PAGE = (Path(__file__).parents[2] / "docs" / "processes.md").read_text()
BLOCKS = [(language, text) for language, text in re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)]
LUA = [text for language, text in BLOCKS if language == "lua"]
PYTHON = [text for language, text in BLOCKS if language == "python"]
COUNTER, ASKING, WAITING, NAMES, ENDS, SHOP, UPGRADES, GROUPS = LUA


def entries() -> list[dict[str, Any]]:
    """The definitions on the page, with their sources in place."""
    sources = {text.split()[1]: text for text in [*LUA, *PYTHON] if text[:2] in ("--", "# ")}
    found = []
    for language, text in BLOCKS:
        if language == "yaml":
            for entry in yaml.safe_load(text):
                if "source" in entry:
                    entry["source"] = sources[entry["source"].removeprefix("file://")]
                # the counters do not listen to CANCEL
                if "lifecycle" in entry:
                    entry["lifecycle"]["stop_timeout"] = "100ms"
                if entry["name"] == "shop":
                    entry["source"] = (
                        entry["source"].replace('"2s"', '"10ms"').replace("{100},", "{100}, shutdown = 1,")
                    )
                found.append(entry)
    return found


@pytest.fixture(scope="module")
def app() -> Any:
    def own(name: str, source: str) -> dict[str, Any]:
        modules = re.findall(r'require\("(\w+)"\)', source)
        return process(name, source, modules)

    database = {"name": "database", "kind": "process.host", "lifecycle": {"auto_start": True}}
    groups = {"name": "groups", "kind": "pg.scope", "lifecycle": {"auto_start": True}}
    more = [own("asking", ASKING), own("waiting", WAITING), own("names", NAMES), own("ends", ENDS)]
    more += [own("upgrades", UPGRADES), own("grouped", GROUPS)]
    with application(
        *entries(), database, groups, process("fails", "return function() error('oh') end"), *more
    ) as found:
        yield found


@pytest.mark.parametrize(
    ("name", "result"),
    [("asking", 42), ("waiting", 21), ("names", 5), ("ends", "app:fails:1: oh"), ("grouped", "unload pens 3")],
)
def test_a_block(app: Application, name: str, result: Any) -> None:
    assert app.execute(f"app:{name}") == result


def test_the_service_runs(app: Application) -> None:
    assert app.app.supervisor.state(ID.parse("app:counter.service")).status == "running"


def test_the_shop(app: Application) -> None:
    body = f"""
        local shop = process.spawn_monitored("app:shop", "{HOST}")
        local time = require("time")
        while not process.registry.lookup("till") do time.sleep("1ms") end
        process.send("stock", "get")
        local count = process.inbox():receive():payload():data()
        process.cancel(shop)
        local exit = process.events():receive()
        return {{count, exit.result.error == nil, process.registry.lookup("stock") == nil}}
        """
    assert app.lua(body, modules=["time"]) == [100, True, True]


def test_the_upgrade(app: Application) -> None:
    pid = app.spawn("app:upgrades")
    body = """
        local pid = ...
        process.monitor(pid)
        process.send(pid, "count me") process.send(pid, "and me")
        return true
        """
    app.lua(body, pid)
    app.define(process("upgrades", UPGRADES.replace("+ 1", "+ 100"), []))
    body = """
        local pid, time = ..., require("time")
        process.monitor(pid)
        process.send(pid, "and me")
        time.sleep("20ms")
        process.cancel(pid)
        return process.events():receive().result.value
        """
    assert app.lua(body, pid, modules=["time"]) == 102


def test_python(app: Application) -> None:
    body = f"""
        local pid = process.spawn("app:counter.python", "{HOST}", 1)
        process.send(pid, "add", 2)
        process.send(pid, "get")
        return process.inbox():receive():payload():data()
        """
    assert app.lua(body) == 3
