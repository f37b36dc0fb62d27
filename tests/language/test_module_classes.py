"""The classes of the built-in modules: which ones a workflow may use, and which ones a program at run time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from application import Application, application, function, process, workflow
from wippy.errors import WippyError
from wippy.modules.catalog import Catalog

CLASSES = """
json yaml base64 treesitter payload: encoding deterministic
hash: encoding security deterministic
html: security deterministic
text expr templates: deterministic
os time: time workflow
channel: process workflow
process: process workflow nondeterministic
funcs contract workflow ctx uuid: workflow nondeterministic
crypto: security workflow nondeterministic
exec: io process nondeterministic
pg env eval_runner system: process nondeterministic
sql fs store: storage io nondeterministic
registry cdc: storage nondeterministic
loader: storage io
cloudstorage: storage network io
http hub websocket http_client: network io nondeterministic
metrics queue events io stream tty: io nondeterministic
excel: io encoding
compress: encoding nondeterministic
security: security nondeterministic
logger: io
"""
EXPECTED = {
    name: frozenset(classes.split())
    for names, classes in (line.split(":") for line in CLASSES.strip().splitlines())
    for name in names.split()
}
FOUND = {name: module.classes for name in Catalog().names() if (module := Catalog().get(name)) is not None}


@pytest.fixture(scope="module")
def app() -> Iterator[Application]:
    with application(process("unused", "return function() end")) as found:
        yield found


@pytest.mark.parametrize("name", [name for name in FOUND if name in EXPECTED])
def test_classes(name: str) -> None:
    assert FOUND[name] == EXPECTED[name]


@pytest.mark.parametrize("name", FOUND)
def test_workflows_take_deterministic_and_workflow_modules_only(app: Application, name: str) -> None:
    entry = workflow("flow", "return function() end", [name])
    if FOUND[name] & {"deterministic", "workflow"}:
        app.define(entry)
        return
    with pytest.raises(WippyError) as caught:
        app.define(workflow("refused", "return function() end", [name]))
    assert caught.value.kind == "PermissionDenied"
    assert "module does not have any allowed class" in caught.value.message


@pytest.mark.parametrize("name", FOUND)
def test_programs_at_run_time_need_every_banned_class(app: Application, name: str) -> None:
    run = """
    local name, classes = ...
    local _, err = require("eval_runner").run({source = "return 1", modules = {name}, allow_classes = classes})
    return err and err:message() or "ran"
    """
    banned = sorted(FOUND[name] & {"process", "storage", "network"})
    assert app.lua(run, name, banned, modules=["eval_runner"]) == "ran"
    for missing in banned:
        rest = [each for each in banned if each != missing]
        found = app.lua(run, name, rest, modules=["eval_runner"])
        assert found == f'compile failed: module "{name}" has forbidden class "{missing}"'


def test_os_may_be_declared(app: Application) -> None:
    body = "return function() return {os == require('os'), os.platform, type(os.time()), pcall(rawset, os, 'x', 1)} end"
    app.define(function("declares", body, ["os"]), workflow("flow", body, ["os"]))
    assert app.call("app:declares")[:3] == [True, "wippy", "number"]
    assert app.call("app:declares")[3] is False


@pytest.mark.parametrize("name", sorted(EXPECTED.keys() - FOUND.keys()))
def test_a_module_that_this_build_does_not_have_is_named(app: Application, name: str) -> None:
    with pytest.raises(WippyError, match="there is no module of that name") as caught:
        app.define(workflow("flow", "return function() end", [name]))
    assert caught.value.kind == "NotFound"
    assert f"app:flow -> {name}" in caught.value.message
