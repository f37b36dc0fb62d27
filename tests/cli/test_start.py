"""What the start of a small application loads: everything else waits until it is needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

INDEX = """\
version: "1.0"
namespace: app
entries:
  - {name: hello, kind: process.lua, meta: {command: {name: hello}}, source: file://hello.lua, modules: [io]}
  - {name: terminal, kind: terminal.host, lifecycle: {auto_start: true}}
"""
HELLO = 'return function() require("io").print("hello") end\n'
RUN = """
import sys
from wippy.cli.main import execute
code = execute(["run", "hello"])
print(*sorted(sys.modules))
sys.exit(code)
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names of the Python modules loaded by a second run: the first one has filled the compile cache."""
    folder = tmp_path_factory.mktemp("start")
    (folder / "src").mkdir()
    (folder / "src" / "_index.yaml").write_text(INDEX)
    (folder / "src" / "hello.lua").write_text(HELLO)
    for _ in range(2):
        result = subprocess.run([sys.executable, "-c", RUN], cwd=folder, capture_output=True, text=True, timeout=60)
        assert (result.returncode, result.stderr) == (0, "")
    hello, names = result.stdout.splitlines()
    assert hello == "hello"
    return set(names.split())


@pytest.mark.parametrize(
    "name",
    [
        *("sqlite3", "difflib", "rich", "temporalio", "wasmtime", "watchfiles", "cryptography", "jsonschema_rs"),
        *("wippy.lang.parser", "wippy.lang.emitter", "wippy.lang.check", "wippy.cli.lint_check"),
        *("wippy.workflows.events", "wippy.workflows.sqlite.core", "wippy.modules.yaml.reader"),
        *("wippy.modules.payload.msgpack", "wippy.modules.json.schema", "wippy.regex_machine"),
        "wippy.units.wasm",
    ],
)
def test_what_a_small_application_does_not_need_is_not_loaded(loaded: set[str], name: str) -> None:
    assert name not in loaded
