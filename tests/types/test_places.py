"""Types in workflows, in processes, and from chunks that come out of the compile cache."""

from __future__ import annotations

from pathlib import Path

from type_app import MODELS, SHOW

from application import application, function, library, process
from flows.flow_app import FlowApp, lua, workflow

BODY = f"""{SHOW}
local models = require("m")
type Order = {{id: string @pattern("^a"), item: models.Item?, kind: "x" | "y"}}
return function()
  local good = why(Order, {{id = "ab", kind = "x"}})
  local bad = why(Order, {{id = "b", kind = "x"}})
  return good .. "; " .. bad .. "; " .. why(Order, {{id = "a", kind = "y", item = {{}}}})
end
"""
RESULT = "ok; id: pattern mismatch; item.id: required field missing"


async def test_in_a_workflow(tmp_path: Path) -> None:
    models = lua("library.lua", "models", MODELS)
    async with FlowApp(tmp_path, models, workflow("flow", BODY, imports={"m": "app:models"})) as app:
        assert await app.run("flow") == RESULT


def test_chunks_of_the_cache_keep_their_types(tmp_path: Path) -> None:
    config = {"lua": {"cache": {"mode": "readwrite", "dir": str(tmp_path / "cache")}}}
    entries = [
        library("models", MODELS),
        function("f", BODY, imports={"m": "app:models"}),
        process("p", BODY, imports={"m": "app:models"}),
    ]
    for _ in range(2):
        with application(*entries, config=config, folder=tmp_path / "project") as app:
            assert app.call("app:f") == RESULT
            assert app.execute("app:p") == RESULT
    assert len(list((tmp_path / "cache").iterdir())) == 3


def test_types_of_a_library_that_changes() -> None:
    main = function("f", "return function() return (m.T:is(5)) end", imports={"m": "app:lib"})
    with application(library("lib", "type T = string return {T = T}"), main) as app:
        assert app.call("app:f") is None
        app.define(library("lib", "type T = number return {T = T}"))
        assert app.call("app:f") == 5
