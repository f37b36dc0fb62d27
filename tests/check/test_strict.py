"""Strict registration."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from application import Application, Lines, application, function, library
from wippy.app import App
from wippy.errors import INVALID, WippyError
from wippy.observe.log import Log
from wippy.registry.config import Config
from wippy.registry.project import load_project

INDEX = """\
version: "1.0"
namespace: app
entries:
  - name: answer
    kind: function.lua
    method: main
    source: file://answer.lua
    imports: {lib: app:lib}
  - name: lib
    kind: library.lua
    source: |
      local M = {}
      function M.double(n: number): number return n * 2 end
      return M
"""
GOOD = 'local lib = require("lib")\nreturn {main = function(n: number): number return lib.double(n) end}\n'
BAD = 'local lib = require("lib")\nlocal n: number = "x"\nreturn {main = function() return lib.double("y") end}\n'

Boot = Callable[..., Awaitable[Any]]


@pytest.fixture
def boot(tmp_path: Path) -> Boot:
    """Starts an application with one source and gives what its function returns for 21."""

    async def start(source: str, *, strict: bool) -> Any:
        (tmp_path / "src").mkdir()
        (tmp_path / "src" / "_index.yaml").write_text(INDEX)
        (tmp_path / "src" / "answer.lua").write_text(source)
        (tmp_path / "wippy.lock").write_text("directories:\n  src: ./src\n")
        config = Config.load(str(tmp_path))
        config.set("lua.type_system.strict", strict)
        app = App(load_project(str(tmp_path)), config, Log.open(silent=True))
        await app.start()
        try:
            return await asyncio.wrap_future(app.functions().call("app:answer", [21]))
        finally:
            await app.stop()

    return start


async def test_well_typed_code_runs(boot: Boot) -> None:
    assert await boot(GOOD, strict=True) == 42


async def test_type_errors_refuse_the_entry(boot: Boot) -> None:
    with pytest.raises(WippyError) as caught:
        await boot(BAD, strict=True)
    assert caught.value.kind == INVALID
    assert "type errors in app:answer: 2:19 cannot use" in caught.value.message
    assert "; 3:45 cannot use" in caught.value.message


async def test_without_strict_mode_types_are_not_looked_at(boot: Boot) -> None:
    assert await boot(BAD.replace('"y"', "4"), strict=False) == 8


STRICT = {"lua": {"type_system": {"enabled": True, "strict": True}}}
DOUBLE = "local M = {}\nfunction M.double(n: number): number return n * 2 end\nreturn M\n"
TEXTS = DOUBLE.replace("n: number", "n: string").replace("n * 2", "#n")
USES = {"lib": "app:lib"}
MAIN = "return {main = function(n) return lib.double(5) end}"


@pytest.fixture
def app() -> Iterator[Application]:
    with application(library("lib", DOUBLE), function("user", MAIN, imports=USES), config=STRICT) as found:
        yield found


def refused(app: Application, *entries: Lines) -> str:
    """Why a change is refused; nothing must have changed."""
    before, version = app.app.registry.entries(), app.app.registry.version
    with pytest.raises(WippyError) as caught:
        app.define(*entries)
    assert caught.value.kind == INVALID
    assert (app.app.registry.entries(), app.app.registry.version) == (before, version)
    assert app.call("app:user") == 10
    return caught.value.message


def test_a_change_with_type_errors_is_refused_as_a_whole(app: Application) -> None:
    message = refused(app, library("fine", "return {}"), function("bad", 'local n: number = "x" return n'))
    assert 'type errors in app:bad: 1:19 cannot use "x" as number' in message


def test_a_library_is_refused_that_no_longer_fits_its_importers(app: Application) -> None:
    message = refused(app, library("lib", TEXTS))
    assert "type errors in app:user: 1:46 cannot use 5 as string" in message
    assert "; an entry that it imports has changed" in message


def test_a_library_may_change_together_with_its_importers(app: Application) -> None:
    app.define(library("lib", TEXTS), function("user", MAIN.replace("5", "'abc'"), imports=USES))
    assert app.call("app:user") == 3


def test_the_order_of_entries_in_a_change_does_not_matter(app: Application) -> None:
    app.define(function("user", MAIN.replace("5", "'abc'"), imports=USES), library("lib", TEXTS))
    assert app.call("app:user") == 3


def test_types_reach_importers_through_other_libraries(app: Application) -> None:
    base = "type Box = {n: number}\nlocal M = {}\nfunction M.make(): Box return {n = 1} end\nreturn M\n"
    middle = "local base = require('base')\nlocal M = {}\nfunction M.get(): base.Box return base.make() end\nreturn M\n"
    top = "return {main = function() local n: number = middle.get().n return n end}"
    app.define(
        library("base", base),
        library("middle", middle, imports={"base": "app:base"}),
        function("top", top, imports={"middle": "app:middle"}),
    )
    texts = base.replace("n: number", "n: string").replace("n = 1", "n = 'x'")
    assert "type errors in app:top: 1:45" in refused(app, library("base", texts))
    assert app.call("app:top") == 1


def test_an_entry_that_comes_with_its_old_source_is_checked_too(app: Application) -> None:
    assert "type errors in app:user" in refused(app, library("lib", TEXTS), function("user", MAIN, imports=USES))


def test_what_is_undone_is_not_checked(app: Application) -> None:
    notices: list[str] = []
    app.app.registry._notice = lambda notice: notices.append(notice.message)
    changed = function("user", MAIN.replace("5", "'abc'"), imports=USES)
    refused(app, library("lib", TEXTS), changed, function("zbad", 'local n: number = "x" return n', imports=USES))
    assert notices == []
    refused(app, library("lib", TEXTS))


def test_a_refused_library_leaves_no_types_behind(app: Application) -> None:
    refused(app, library("lib", TEXTS))
    app.define(function("other", MAIN, imports=USES))
    assert app.call("app:other") == 10


def test_code_without_annotations_passes(app: Application) -> None:
    app.define(function("plain", "local function add(a, b) return a + b end return {main = add}"))
    assert app.call("app:plain", 2, 3) == 5
    assert "cannot use operator + on" in refused(
        app, function("plain2", "return {main = function() return {} + 1 end}")
    )


def test_an_undeclared_require_is_no_type_error(app: Application) -> None:
    app.define(function("late", 'return {main = function() return pcall(require, "sql"), nothing end}'))
    assert app.call("app:late") is False
