"""Strict registration."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

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
