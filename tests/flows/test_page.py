"""The blocks of docs/workflows.md run, and give what the page says; its tables name what there is."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from concurrent.futures import Future, wait
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from application import WAIT, Application, application, function, process, workflow
from wippy.errors import WippyError
from wippy.modules.catalog import Catalog
from wippy.services.temporal_client import ClientEntry
from wippy.services.temporal_worker import WorkerEntry as TemporalWorker
from wippy.services.workflow_provider import ProviderEntry
from wippy.services.workflow_worker import WorkerEntry
from wippy.units.clock import VirtualClock
from wippy.workflows import option_keys

PAGE = (Path(__file__).parents[2] / "docs" / "workflows.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
LUA = [text for language, text in BLOCKS if language == "lua"]
YAML = [yaml.safe_load(text) for language, text in BLOCKS if language == "yaml"]
ORDER, CHARGE, STARTS, APPROVAL, DECIDES, ASKS, CAREFUL, TRIP, PATIENT, GREETS, COUNTS = LUA


def modules_of(source: str) -> list[str]:
    return re.findall(r'require\("(\w+)"\)', source)


def entries() -> list[dict[str, Any]]:
    """The definitions of the first YAML block, with their sources, and what the other blocks need."""
    sources = {text.split()[1]: text for text in LUA if text.startswith("--")}
    found = [dict(entry) for entry in YAML[0]]
    for entry in found:
        if "source" in entry:
            entry["source"] = sources[entry["source"].removeprefix("file://")]
    step = "return function(trip) return trip end"
    found += [function(name, step) for name in ("book.flight", "book.hotel", "drop.flight", "drop.hotel", "drop.car")]
    found.append(function("book.car", "return function() return nil, 'no car left' end"))
    found.append(function("remind", "return function(customer) return 'reminded ' .. customer end"))
    found.append(function("flaky", "return function() error('the line is dead') end"))
    found.append(function("greet", "return function() return 'hello' end"))
    found.append(function("greet.by_name", "return function(name) return 'hello ' .. name end"))
    for name, source in {"starts": STARTS, "decides": DECIDES}.items():
        found.append(process(name, source, modules_of(source)))
    flows = {"approval": APPROVAL, "asks": ASKS, "careful": CAREFUL, "trip": TRIP, "patient": PATIENT}
    for name, source in {**flows, "greets": GREETS, "counts": COUNTS}.items():
        found.append(workflow(name, source, modules_of(source)))
    return found


class Page(Application):
    """An application whose clock moves on for as long as somebody waits."""

    clock: VirtualClock

    def result(self, future: Future[Any]) -> Any:
        while not wait([future], 0.005).done:
            self.clock.advance(6 * 3600)
        return future.result()

    def flow(self, name: str, *args: Any) -> Any:
        body = "local pid = process.spawn_monitored('app:' .. ..., 'app:workflows', select(2, ...)) \
            local exit = process.events():receive() return exit.result.value, exit.result.error"
        self.define(process("starter", f"return function(...) {body} end"))
        return self.result(self.begin("app:starter", name, *args))


@contextlib.contextmanager
def page(folder: Path) -> Iterator[Page]:
    clock = VirtualClock()
    with application(*entries(), folder=folder, clock=clock) as found:
        found.__class__ = Page
        found.clock = clock  # type: ignore[attr-defined]
        yield found  # type: ignore[misc]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with page(tmp_path_factory.mktemp("page")) as found:
        yield found


@pytest.mark.parametrize(
    ("name", "result"), [("starts", "customer 7 paid 1200, customer 8 paid 500"), ("decides", "a chair: yes")]
)
def test_a_block_of_a_process(app: Page, name: str, result: str) -> None:
    assert app.result(app.begin(f"app:{name}")) == result


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("order", None),
        ("asks", "a desk: nobody decided; a lamp: nobody decided; a rug: nobody decided"),
        ("careful", "app:flaky:1: the line is dead (MaximumAttemptsReached)"),
        ("patient", "a month is over"),
        ("greets", "hello Ada"),
    ],
)
def test_a_block_of_a_workflow(app: Page, name: str, result: str | None) -> None:
    argument: Any = "Ada" if name == "greets" else {"customer": 7, "cents": 1200}
    found = app.flow(name, argument)
    assert found == (result or {"receipt": "customer 7 paid 1200", "reminded": "reminded 7"})


def test_the_saga(app: Page) -> None:
    with pytest.raises(WippyError, match="no car left"):
        app.flow("trip", {"to": "Rome"})


def test_a_cancelled_one_decides_itself(app: Page) -> None:
    body = """
        local pid = process.spawn_monitored("app:patient", "app:workflows")
        process.cancel(pid, "enough")
        return process.events():receive().result.value
        """
    app.define(process("cancels", f"return function() {body} end"))
    assert app.result(app.begin("app:cancels")) == "stopped: enough"


def test_one_without_end(app: Page) -> None:
    pid = app.lua(
        """
        local pid = process.with_options({["workflow.id"] = "counts"}):spawn("app:counts", "app:workflows")
        process.send(pid, "n", 1)
        process.send(pid, "last of the day", 2)
        return pid
        """
    )
    engine = app.app.site.workflow_nodes["app:history"].engine()
    while not engine.history("counts").result(WAIT)[0].args:  # the first run began with nothing, the next with a sum
        pass
    body = """
        local pid = ...
        process.monitor(pid)
        process.send(pid, "n", 3)
        process.send(pid, "close")
        return process.events():receive().result.value
        """
    assert app.lua(body, pid) == 6


def rows(after: str) -> list[str]:
    """First cells of the table behind a heading row."""
    lines = PAGE[PAGE.index(after) :].splitlines()[2:]
    return [line.split("|")[1].strip() for line in lines[: lines.index("")]]


@pytest.mark.parametrize(
    ("heading", "keys"),
    [
        ("| key | of a start |", {row[0] for row in option_keys._WORKFLOW} | {"workflow.task_queue"}),
        ("| key | default | |", {row[0] for row in option_keys._ACTIVITY}),
        ("| key of `workflow.provider.sqlite`", set(ProviderEntry.__struct_fields__) - {"lifecycle"}),
    ],
)
def test_a_table_names_every_key(heading: str, keys: set[str]) -> None:
    assert {key for cell in rows(heading) for key in re.findall(r"`([\w.]+)`", cell)} == keys


def test_the_modules_that_may_be_used() -> None:
    named = re.search(r"Allowed are `([^`]+)` and those\s+that only compute: `([^`]+)`", PAGE)
    assert named is not None
    catalog = Catalog()
    names = [name for group in named.groups() for name in group.split()]
    assert [name for name in names if (module := catalog.get(name)) is None or not module.in_workflows] == []


def test_the_two_entries_for_temporal() -> None:
    here = {entry["name"]: entry for entry in YAML[0] if entry["kind"].startswith("workflow.") and "path" in entry}
    client, worker = YAML[1]
    msgspec.convert({k: v for k, v in client.items() if k not in ("name", "kind", "lifecycle")}, ClientEntry)
    assert client["name"] in here
    assert {worker["name"], worker["task_queue"]} == {"workflows", "main"}
    assert worker["client"] == client["name"]
    assert {"client", "task_queue"} <= set(TemporalWorker.__struct_fields__)
    assert {"provider", "task_queue"} <= set(WorkerEntry.__struct_fields__)


def begin_approval(app: Page, *ids: str) -> None:
    spawns = [
        f'assert(process.with_options({{["workflow.id"] = "{id}"}}):spawn("app:approval", "app:workflows", "{id}"))'
        for id in ids
    ]
    app.lua(" ".join(spawns))


def decided(app: Page, id: str) -> Any:
    body = f"""
        local pid = "{{app:history@app:workflows|{id}}}"
        process.monitor(pid)
        local _, err = process.send(pid, "decision", "yes")
        if err then return tostring(err) end
        return process.events():receive().result.value
        """
    return app.lua(body)


def copy_backup(folder: Path, target: Path) -> None:
    """`.backup` of the page."""
    with (
        contextlib.closing(sqlite3.connect(folder / "var" / "workflows.db")) as source,
        contextlib.closing(sqlite3.connect(target)) as backup,
    ):
        source.backup(backup)


def copy_vacuum(folder: Path, target: Path) -> None:
    with contextlib.closing(sqlite3.connect(folder / "var" / "workflows.db")) as source:
        source.execute("VACUUM INTO ?", (str(target),))


@pytest.mark.parametrize("copy", [copy_backup, copy_vacuum])
def test_a_backup_made_while_it_runs_can_be_restored(tmp_path: Path, copy: Any) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    (there / "var").mkdir(parents=True)
    with page(here) as app:
        begin_approval(app, "before", "decided")
        assert decided(app, "decided") == "decided: yes"
        copy(here, there / "var" / "workflows.db")
        begin_approval(app, "after")
        assert decided(app, "before") == "before: yes"
    with page(there) as app:
        assert decided(app, "before") == "before: yes"
        assert decided(app, "decided") == "workflow execution already completed"
        assert decided(app, "after") == "workflow not found for ID: after"


def test_file_and_wal_of_a_killed_application_belong_together(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    (there / "var").mkdir(parents=True)
    with page(here) as app:
        begin_approval(app, "one")
        for name in ("workflows.db", "workflows.db-wal"):  # nothing is written at this moment, as after a kill
            (there / "var" / name).write_bytes((here / "var" / name).read_bytes())
    with page(there) as app:
        assert decided(app, "one") == "one: yes"
